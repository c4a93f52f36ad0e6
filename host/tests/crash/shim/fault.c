/* What is done to the program: see disk.h. */
#include "disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct page *page;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("DISK_PAGE");
    if (!path || !getenv("DISK_FOLDER")) return;
    int fd = plain_open(path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED) return;
    begin_log();
    page = mapped;
}

void sleep_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static void wait_if_cut(void) {
    while (atomic_load(&page->cut)) sleep_ms(10);
}

void powered(void) {
    atomic_fetch_add(&page->calls, 1);
    uint32_t left = atomic_load(&page->countdown);
    while (left > 0 && !atomic_compare_exchange_weak(&page->countdown, &left, left - 1)) {
    }
    if (left == 1) atomic_store(&page->cut, 1);
    wait_if_cut();
}

/* Whether this call is one of those that fail. */
static bool drawn(void) {
    static _Atomic uint64_t before;
    uint64_t mixed = (atomic_fetch_add(&before, 1) + 1) * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    if ((mixed ^ (mixed >> 31)) % 1000000 >= atomic_load(&page->odds)) return false;
    atomic_fetch_add(&page->faults, 1);
    return true;
}

int write_fault(const struct stat *is, off_t end) {
    uint32_t fault = atomic_load(&page->write_errno);
    if (!fault || (atomic_load(&page->only_growth) && end <= is->st_size)) return 0;
    return drawn() ? (int)fault : 0;
}

int sync_fault(void) {
    atomic_fetch_add(&page->syncs, 1);
    if (atomic_load(&page->stall_ms)) {
        atomic_fetch_add(&page->stalled, 1);
        for (uint32_t waited = 0; waited < atomic_load(&page->stall_ms); waited += 10) sleep_ms(10);
        atomic_fetch_sub(&page->stalled, 1);
    }
    wait_if_cut();
    uint32_t fault = atomic_load(&page->sync_errno);
    return fault && drawn() ? (int)fault : 0;
}
