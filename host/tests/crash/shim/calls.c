/* The calls that programs make of the C library: see disk.h. */
#include "disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/uio.h>
#include <unistd.h>

/* One write at a time, so that what is written down is what was there. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
    static __typeof__(name) *real_##name; \
    if (!real_##name) real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

int plain_open(const char *path, int flags, mode_t mode) {
    static int (*open_)(const char *, int, ...);
    if (!open_) open_ = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    return open_(path, flags, mode);
}

ssize_t plain_write(int fd, const void *bytes, size_t count) {
    REAL(write);
    return real_write(fd, bytes, count);
}

/* --- writes --- */

/* Takes the turn and says where a write goes; -1 and errno where it fails; gives the turn back then. */
static int begin_write(int fd, const struct stat *seen, const char *path, off_t from, size_t count) {
    powered();
    pthread_mutex_lock(&turn);
    struct stat is = *seen;
    fstat(fd, &is);
    if (from < 0) from = (fcntl(fd, F_GETFL) & O_APPEND) ? is.st_size : lseek(fd, 0, SEEK_CUR);
    int fault = write_fault(&is, from + (off_t)count);
    if (fault) {
        pthread_mutex_unlock(&turn);
        errno = fault;
        return -1;
    }
    log_write(path, &is, from, count);
    return 0;
}

#define WATCHED_WRITE(fd, from, count, call) \
    do { \
        struct stat is; \
        char path[PATH_MAX]; \
        if (!watched(fd, &is, path)) return call; \
        if (begin_write(fd, &is, path, from, count) < 0) return -1; \
        ssize_t done = call; \
        pthread_mutex_unlock(&turn); \
        return done; \
    } while (0)

static size_t length_of(const struct iovec *parts, int count) {
    size_t length = 0;
    for (int at = 0; at < count; at++) length += parts[at].iov_len;
    return length;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    WATCHED_WRITE(fd, -1, count, plain_write(fd, bytes, count));
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t from) {
    REAL(pwrite);
    WATCHED_WRITE(fd, from, count, real_pwrite(fd, bytes, count, from));
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t from) {
    REAL(pwrite64);
    WATCHED_WRITE(fd, from, count, real_pwrite64(fd, bytes, count, from));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    WATCHED_WRITE(fd, -1, length_of(parts, count), real_writev(fd, parts, count));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t from) {
    REAL(pwritev);
    WATCHED_WRITE(fd, from, length_of(parts, count), real_pwritev(fd, parts, count, from));
}

#define WATCHED_TRUNCATE(fd, to, call) \
    do { \
        struct stat is; \
        char path[PATH_MAX]; \
        if (!watched(fd, &is, path)) return call; \
        powered(); \
        int fault = write_fault(&is, to); \
        if (fault) { \
            errno = fault; \
            return -1; \
        } \
        pthread_mutex_lock(&turn); \
        fstat(fd, &is); \
        log_truncate(path, &is, to); \
        int done = call; \
        pthread_mutex_unlock(&turn); \
        return done; \
    } while (0)

int ftruncate(int fd, off_t to) {
    REAL(ftruncate);
    WATCHED_TRUNCATE(fd, to, real_ftruncate(fd, to));
}

int ftruncate64(int fd, off64_t to) {
    REAL(ftruncate64);
    WATCHED_TRUNCATE(fd, to, real_ftruncate64(fd, to));
}

int truncate(const char *path, off_t to) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int done = ftruncate(fd, to), because = errno;
    close(fd);
    errno = because;
    return done;
}

/* --- flushes --- */

static int flush(int fd, int (*call)(int)) {
    struct stat is;
    char path[PATH_MAX];
    if (!watched(fd, &is, path)) return call(fd);
    powered();
    pthread_mutex_lock(&turn);
    uint64_t began = log_length();
    pthread_mutex_unlock(&turn);
    int fault = sync_fault();
    if (fault) {
        log_sync(UNSYNCED, is.st_ino, began);
        errno = fault;
        return -1;
    }
    if (atomic_load(&page->lies)) return 0;
    int done = call(fd);
    if (done == 0) log_sync(SYNC, is.st_ino, began);
    return done;
}

int fsync(int fd) {
    REAL(fsync);
    return flush(fd, real_fsync);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return flush(fd, real_fdatasync);
}

/* --- names --- */

/* Whether an open will make a file that is watched; `path` is then where it lies. */
static bool creates(int at, const char *given, int flags, char *path) {
    if (!(flags & O_CREAT) || !absolute(at, given, path)) return false;
    powered();
    return access(path, F_OK) != 0;
}

static int opened(int fd, bool created, const char *path) {
    if (fd >= 0 && created) log_created(CREATE, path);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *given, int flags, ...) {
    char path[PATH_MAX];
    MODE(flags)
    bool created = creates(AT_FDCWD, given, flags, path);
    return opened(plain_open(given, flags, mode), created, path);
}

int open64(const char *given, int flags, ...) {
    char path[PATH_MAX];
    MODE(flags)
    bool created = creates(AT_FDCWD, given, flags, path);
    return opened(plain_open(given, flags | O_LARGEFILE, mode), created, path);
}

int openat(int at, const char *given, int flags, ...) {
    REAL(openat);
    char path[PATH_MAX];
    MODE(flags)
    bool created = creates(at, given, flags, path);
    return opened(real_openat(at, given, flags, mode), created, path);
}

int openat64(int at, const char *given, int flags, ...) {
    REAL(openat64);
    char path[PATH_MAX];
    MODE(flags)
    bool created = creates(at, given, flags, path);
    return opened(real_openat64(at, given, flags, mode), created, path);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    REAL(renameat2);
    char old_path[PATH_MAX], new_path[PATH_MAX], kept[PATH_MAX];
    if (!absolute(from_at, from, old_path) || !absolute(to_at, to, new_path)) {
        return real_renameat2(from_at, from, to_at, to, flags);
    }
    powered();
    bool replaces = flags == 0 && keep(new_path, kept);
    int done = real_renameat2(from_at, from, to_at, to, flags);
    if (done == 0) log_paths(RENAME, old_path, new_path, replaces ? kept : "");
    return done;
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
    return renameat2(from_at, from, to_at, to, 0);
}

int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    REAL(linkat);
    char path[PATH_MAX];
    int done = real_linkat(from_at, from, to_at, to, flags);
    if (done == 0 && absolute(to_at, to, path)) log_created(CREATE, path);
    return done;
}

int link(const char *from, const char *to) {
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int at, const char *given, int flags) {
    REAL(unlinkat);
    char path[PATH_MAX], kept[PATH_MAX];
    if ((flags & AT_REMOVEDIR) || !absolute(at, given, path)) return real_unlinkat(at, given, flags);
    powered();
    bool known = keep(path, kept);
    int done = real_unlinkat(at, given, flags);
    if (done == 0 && known) log_paths(REMOVE, path, kept, NULL);
    return done;
}

int unlink(const char *given) {
    return unlinkat(AT_FDCWD, given, 0);
}

int mkdir(const char *given, mode_t mode) {
    REAL(mkdir);
    char path[PATH_MAX];
    int done = real_mkdir(given, mode);
    if (done == 0 && absolute(AT_FDCWD, given, path)) log_created(FOLDER, path);
    return done;
}
