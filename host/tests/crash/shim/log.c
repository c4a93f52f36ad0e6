/* What the program does, and what was there before: see disk.h. */
#include "disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int log_fd = -1;
static char folder[PATH_MAX], spared[PATH_MAX], attic[PATH_MAX / 2];

void begin_log(void) {
    snprintf(folder, sizeof folder, "%s", getenv("DISK_FOLDER"));
    const char *spared_path = getenv("DISK_SPARED");
    snprintf(spared, sizeof spared, "%s", spared_path ? spared_path : "");
    const char *log_path = getenv("DISK_LOG");
    const char *attic_path = getenv("DISK_ATTIC");
    if (!log_path || !attic_path) return;
    snprintf(attic, sizeof attic, "%s", attic_path);
    log_fd = plain_open(log_path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
}

/* --- what is watched --- */

static bool is_in(const char *path, const char *within) {
    size_t length = strlen(within);
    return length > 0 && strncmp(path, within, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static bool lies_within(const char *path) {
    if (!is_in(path, folder) || is_in(path, spared)) return false;
    size_t length = strlen(path);
    return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

/* Where an open descriptor lies. */
static bool place_of(int fd, char *path, size_t room) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, room - 1);
    path[length > 0 ? length : 0] = 0;
    return length > 0;
}

/* By the descriptor alone, without a table of what was opened: it may have been duplicated. */
bool watched(int fd, struct stat *is, char *path) {
    if (!page) return false;
    int before = errno;
    bool of_disk = fstat(fd, is) == 0 && (S_ISREG(is->st_mode) || S_ISDIR(is->st_mode));
    bool found = of_disk && place_of(fd, path, PATH_MAX) && lies_within(path);
    errno = before;
    return found;
}

bool absolute(int at, const char *path, char *out) {
    if (!page || !path) return false;
    char here[PATH_MAX / 2] = "";
    if (path[0] == '.' && path[1] == '/') path += 2;
    if (path[0] != '/') {
        bool known = at == AT_FDCWD ? getcwd(here, sizeof here) != NULL
                                    : place_of(at, here, sizeof here);
        if (!known) return false;
    }
    const char *between = path[0] == '/' ? "" : "/";
    int length = snprintf(out, PATH_MAX, "%s%s%s", here, between, path);
    return length < PATH_MAX && lies_within(out);
}

static uint64_t inode_of_parent(const char *path) {
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    struct stat is;
    if (!slash) return 0;
    *slash = 0;
    return stat(parent, &is) == 0 ? is.st_ino : 0;
}

/* --- records --- */

static void append(struct head head, const void *bytes, size_t length) {
    if (log_fd < 0) return;
    int before = errno;
    head.length = (uint32_t)length;
    size_t all = sizeof head + length;
    char *record = malloc(all);
    /* What cannot be written down would make the test a lie. */
    if (!record) abort();
    memcpy(record, &head, sizeof head);
    if (length > 0) memcpy(record + sizeof head, bytes, length);
    if (plain_write(log_fd, record, all) != (ssize_t)all) abort();
    free(record);
    errno = before;
}

uint64_t log_length(void) {
    struct stat is;
    return log_fd >= 0 && fstat(log_fd, &is) == 0 ? (uint64_t)is.st_size : 0;
}

/* Reads from a file that may be open for writing only. */
static char *read_before(const char *path, off_t from, size_t length) {
    char *bytes = calloc(1, length ? length : 1);
    if (!bytes) abort();
    size_t filled = 0;
    int fd = length ? plain_open(path, O_RDONLY | O_CLOEXEC, 0) : -1;
    while (fd >= 0 && filled < length) {
        ssize_t got = pread(fd, bytes + filled, length - filled, from + (off_t)filled);
        if (got <= 0) break;
        filled += (size_t)got;
    }
    if (fd >= 0) close(fd);
    return bytes;
}

/* From `from` on, `length` bytes at most: those that the file has. */
static void log_bytes(struct head head, const char *path, const struct stat *is, off_t from, size_t length) {
    size_t there = from < is->st_size ? (size_t)(is->st_size - from) : 0;
    if (there > length) there = length;
    char *bytes = read_before(path, from, there);
    head.inode = is->st_ino;
    head.size = (uint64_t)is->st_size;
    append(head, bytes, there);
    free(bytes);
}

void log_write(const char *path, const struct stat *is, off_t from, size_t count) {
    if (log_fd < 0) return;
    struct head head = {.kind = WRITE, .offset = (uint64_t)from, .count = count};
    log_bytes(head, path, is, from, count);
}

void log_truncate(const char *path, const struct stat *is, off_t to) {
    if (log_fd < 0) return;
    struct head head = {.kind = TRUNCATE, .offset = (uint64_t)to};
    log_bytes(head, path, is, to, SIZE_MAX);
}

void log_sync(enum kind kind, uint64_t inode, uint64_t began) {
    append((struct head){.kind = kind, .inode = inode, .offset = began}, NULL, 0);
}

void log_created(enum kind kind, const char *path) {
    struct stat is;
    if (log_fd < 0 || stat(path, &is) != 0) return;
    struct head head = {.kind = kind, .inode = inode_of_parent(path), .offset = is.st_ino};
    append(head, path, strlen(path) + 1);
}

void log_paths(enum kind kind, const char *one, const char *two, const char *three) {
    if (log_fd < 0) return;
    char bytes[3 * PATH_MAX];
    size_t length = 0;
    const char *paths[] = {one, two, three};
    for (int at = 0; at < 3 && paths[at]; at++) {
        size_t more = strlen(paths[at]) + 1;
        memcpy(bytes + length, paths[at], more);
        length += more;
    }
    uint64_t inode = inode_of_parent(kind == RENAME ? two : one);
    append((struct head){.kind = kind, .inode = inode}, bytes, length);
}

bool keep(const char *path, char *kept) {
    static _Atomic unsigned next;
    if (log_fd < 0) return false;
    static int (*link_)(const char *, const char *);
    if (!link_) link_ = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");
    int before = errno;
    snprintf(kept, PATH_MAX, "%s/%d-%u", attic, (int)getpid(), atomic_fetch_add(&next, 1));
    bool done = link_(path, kept) == 0;
    errno = before;
    return done;
}
