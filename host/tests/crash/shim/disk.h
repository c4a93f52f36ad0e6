/*
 * A disk that can lose power, refuse, fill up, stall and lie: loaded with LD_PRELOAD into a program, it
 * stands between that program and the C library for the files of one folder, and for nothing else.
 *
 * It writes down what the program does to these files before it is done, with what was there before: every
 * write, truncation, creation, renaming and removal, and every flush once it has succeeded. When the program
 * has been killed, `src/disk/undo.rs` takes back what no flush has covered, as a power cut would. Nothing is
 * undone here.
 *
 * What to do to the program is read from a page that is shared with the tests (`struct page`), at every
 * call, so that faults begin and end while it runs.
 *
 *   DISK_FOLDER   the folder, absolute and without links
 *   DISK_SPARED   a folder or a file within it that is on a disk which never fails
 *   DISK_PAGE     the file with the shared page
 *   DISK_LOG      where to write down what is done; without it only faults are injected
 *   DISK_ATTIC    a folder on the same file system that keeps what was removed or replaced
 *
 * Not seen: memory-mapped writes (SQLite maps only `-shm`, which it makes anew after a crash), calls that go
 * round the C library, and files that the library opens for itself (`fopen`). What is not seen is taken for
 * durable, so that it can hide a loss and never invent one.
 *
 *   calls.c   the calls that programs make
 *   fault.c   what is done to the program
 *   log.c     what the program does
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Shared with `src/disk.rs`, which has the same offsets. */
struct page {
    _Atomic uint32_t write_errno; /* what a write fails with; 0: it does not */
    _Atomic uint32_t sync_errno;  /* what a flush fails with */
    _Atomic uint32_t odds;        /* of a fault, in a million */
    _Atomic uint32_t only_growth; /* only writes that make a file longer fail: a full disk */
    _Atomic uint32_t stall_ms;    /* how long each flush takes more */
    _Atomic uint32_t lies;        /* flushes succeed and flush nothing */
    _Atomic uint32_t countdown;   /* calls until the power is cut; 0: it is not */
    _Atomic uint32_t cut;         /* the power is cut: no call returns any more */
    _Atomic uint64_t calls;
    _Atomic uint64_t syncs;
    _Atomic uint64_t faults;
    _Atomic uint64_t stalled;     /* flushes that are being held up now */
};

/* A record of the log: this head, then `length` bytes. Read by `src/disk/log.rs`. */
struct head {
    uint32_t kind;
    uint32_t length;
    uint64_t inode;  /* of the file, or of the folder whose entries change */
    uint64_t offset; /* WRITE: where; TRUNCATE: the new length; CREATE, FOLDER: the inode of what was made;
                        SYNC, UNSYNCED: how long the log was before */
    uint64_t count;  /* WRITE: how many bytes */
    uint64_t size;   /* WRITE, TRUNCATE: the file's length before */
};

enum kind {
    WRITE = 1,    /* the bytes that were there */
    TRUNCATE = 2, /* the bytes that are cut off */
    SYNC = 3,
    UNSYNCED = 4, /* a flush that failed: the kernel will not try these bytes again */
    CREATE = 5,   /* path */
    RENAME = 6,   /* from, to, and what `to` was (in the attic) or nothing; each ends in a zero */
    REMOVE = 7,   /* path, and where it is in the attic */
    FOLDER = 8,   /* path: a folder was made */
};

/* Absent in a program that is not watched. */
extern struct page *page;

/* The plain calls, for the shim itself. */
int plain_open(const char *path, int flags, mode_t mode);
ssize_t plain_write(int fd, const void *bytes, size_t count);

/* fault.c */
void sleep_ms(long ms);
/* Counts a call. Once the power is cut it does not return: the tests end the program. */
void powered(void);
/* The error that a write of bytes up to `end` meets, or 0. */
int write_fault(const struct stat *is, off_t end);
/* Waits as long as a flush is to take more, and returns the error that it meets, or 0. */
int sync_fault(void);

/* log.c */
void begin_log(void);
/* Whether a descriptor is of a file or folder that is watched; then `path` is where it lies. */
bool watched(int fd, struct stat *is, char *path);
/* Whether a path, from an open folder, is of something that is watched; then `out` is where it lies. */
bool absolute(int at, const char *path, char *out);
uint64_t log_length(void);
void log_write(const char *path, const struct stat *is, off_t from, size_t count);
void log_truncate(const char *path, const struct stat *is, off_t to);
void log_sync(enum kind kind, uint64_t inode, uint64_t began);
void log_created(enum kind kind, const char *path);
void log_paths(enum kind kind, const char *one, const char *two, const char *three);
/* Keeps a file that is about to lose its name under another one in the attic. */
bool keep(const char *path, char *kept);
