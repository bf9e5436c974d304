/* Stands between a process and its C library, and lies as a test wants: tests/support/faults.py.

   The words are shared with the test, by a file that both map. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct words {
    _Atomic int64_t wall_ns;  /* How far the wall clock is ahead. */
    _Atomic int64_t failing;  /* Syncs of journals and spools fail. */
    _Atomic int64_t failed;   /* How many did. */
    _Atomic int64_t repeated; /* Of files whose sync had failed before. */
} none, *words = &none;

enum { SUSPECTS = 4096 };
static struct { dev_t device; ino_t inode; int64_t born_ns; } suspects[SUSPECTS];
static _Atomic int suspected;

__attribute__((constructor)) static void map(void) {
    const char *path = getenv("TESTS_FAULTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *found = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found != MAP_FAILED)
        words = found;
}

/* --- clocks: the wall clock jumps, the monotonic one does not */

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (syscall(SYS_clock_gettime, clock, now))
        return -1;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
        int64_t ns = now->tv_sec * 1000000000LL + now->tv_nsec + words->wall_ns;
        now->tv_sec = ns / 1000000000;
        now->tv_nsec = ns % 1000000000;
    }
    return 0;
}

int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (out)
        *out = found.tv_sec;
    return found.tv_sec;
}

/* --- disks: a sync that fails, and the next of the same file, which does not */

static int is_ours(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    return strstr(path, ".journal") || strstr(path, ".records");
}

static long synced(long number, int fd) {
    struct statx found;
    if (!is_ours(fd) || statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &found))
        return syscall(number, fd);
    /* An inode may be used again, but not by a file that was made at the same time. */
    dev_t device = (dev_t)found.stx_dev_major << 32 | found.stx_dev_minor;
    int64_t born_ns = found.stx_btime.tv_sec * 1000000000LL + found.stx_btime.tv_nsec;
    int count = suspected < SUSPECTS ? suspected : SUSPECTS;
    for (int i = 0; i < count; i++)
        if (suspects[i].inode == found.stx_ino && suspects[i].device == device &&
            suspects[i].born_ns == born_ns)
            words->repeated++;
    if (!words->failing)
        return syscall(number, fd);
    int place = suspected++;
    if (place < SUSPECTS) {
        suspects[place].device = device;
        suspects[place].inode = found.stx_ino;
        suspects[place].born_ns = born_ns;
    }
    words->failed++;
    errno = EIO;
    return -1;
}

int fsync(int fd) { return synced(SYS_fsync, fd); }

int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }
