/* What a machine does to a program that real machines do and this one does not: it loses what was not synced, and its clock is
 * wrong. Loaded into meshd with LD_PRELOAD by the chaos tests; never part of a product.
 *
 * Disk. Every write, truncation and change of a name on the file system of CHAOS_DISK is noted in the journal CHAOS_JOURNAL, with
 * what was there before, ahead of the change itself. fsync and fdatasync note that what was done to that file (or to the names in
 * that folder) is durable. After a kill the harness takes back what was noted and never became durable (journal.rs). Once nothing
 * is left to become durable, the journal starts anew. One lock orders all of this, so the journal's order is the disk's.
 *
 * Not seen: writes through shared mappings, copy_file_range, and system calls made without libc. What is not seen is never lost.
 *
 * Clock. clock_gettime(CLOCK_REALTIME), gettimeofday and time are off by the skew in the control page.
 *
 * The control page is a file of 4096 bytes, CHAOS_CONTROL, mapped here and read and written by the harness: see struct control.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t skew_ns;       /* harness: added to the wall clock */
    uint64_t lying;        /* harness: when set, a sync says yes and does nothing */
    uint64_t sync_us;      /* harness: how long a sync takes at least, in microseconds: a RAM disk has none to wait for */
    uint64_t skewed_reads; /* how often a skewed time was read */
    uint64_t refused;      /* writes that the full disk refused */
    uint64_t pending;      /* changes that are not durable now */
    uint64_t writes;       /* writes that were noted */
    uint64_t syncs;        /* syncs that made something durable */
};

enum kind { WRITE = 1, RESULT, SYNC, TRUNCATE, CREATE, UNLINK, RENAME };

struct record {
    uint32_t magic, kind;
    uint64_t inode, a, b;
    uint64_t first, second; /* lengths of the bytes that follow */
};

#define MAGIC 0x4d455348u
#define FAILED UINT64_MAX
#define SLOTS 16384

static struct control *control;
static int journal = -1;
static dev_t disk;
static char trash[PATH_MAX];
static uint64_t next_trash, first_trash;
/* Whether the journal may start anew: not when it began with what an earlier process left. */
static int own_journal;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { uint64_t inode, pending; } slots[SLOTS];

static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("CHAOS_CONTROL");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd >= 0) {
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED) control = page;
        close(fd);
    }
    const char *folder = getenv("CHAOS_DISK");
    const char *notes = getenv("CHAOS_JOURNAL");
    struct stat st;
    if (!control || !folder || !notes || stat(folder, &st)) return;
    journal = (int)syscall(SYS_openat, AT_FDCWD, notes, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal < 0) _exit(112);
    snprintf(trash, sizeof trash, "%s/.unlinked", folder);
    syscall(SYS_mkdirat, AT_FDCWD, trash, 0700);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    first_trash = next_trash = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    struct stat noted;
    own_journal = fstat(journal, &noted) == 0 && noted.st_size == 0;
    if (own_journal) control->pending = 0;
    disk = st.st_dev;
}

static void broken(const char *what) {
    /* A test whose instrument is broken must not go on. */
    dprintf(2, "chaos shim: %s: %s\n", what, strerror(errno));
    _exit(112);
}

static uint64_t *pending_of(uint64_t inode) {
    for (size_t n = 0, at = inode * 0x9e3779b97f4a7c15u % SLOTS; n < SLOTS; n++, at = (at + 1) % SLOTS) {
        if (slots[at].inode == inode || slots[at].inode == 0) {
            slots[at].inode = inode;
            return &slots[at].pending;
        }
    }
    errno = ENOMEM;
    broken("more files than the table holds");
    return NULL;
}

static void note(enum kind kind, uint64_t inode, uint64_t a, uint64_t b, const void *first, uint64_t first_len,
                 const void *second, uint64_t second_len) {
    struct record record = {MAGIC, kind, inode, a, b, first_len, second_len};
    struct iovec parts[3] = {
        {&record, sizeof record}, {(void *)first, first_len}, {(void *)second, second_len}};
    ssize_t whole = (ssize_t)(sizeof record + first_len + second_len);
    if (syscall(SYS_writev, journal, parts, 3) != whole) broken("the journal cannot be written");
    if (kind != RESULT && kind != SYNC) {
        ++*pending_of(inode);
        ++control->pending;
    }
}

static void forget_trash(void) {
    char path[PATH_MAX + 32];
    for (; first_trash < next_trash; first_trash++) {
        snprintf(path, sizeof path, "%s/%llu", trash, (unsigned long long)first_trash);
        syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    }
}

static void durable(uint64_t inode) {
    note(SYNC, inode, 0, 0, NULL, 0, NULL, 0);
    uint64_t *pending = pending_of(inode);
    if (*pending) ++control->syncs;
    control->pending -= *pending < control->pending ? *pending : control->pending;
    *pending = 0;
    if (own_journal && control->pending == 0) {
        if (ftruncate(journal, 0)) broken("the journal cannot be emptied");
        memset(slots, 0, sizeof slots);
        forget_trash();
    }
}

/* ---- data ---- */

static int on_disk(int fd, struct stat *st) {
    return disk && fstat(fd, st) == 0 && st->st_dev == disk;
}

static void *before(int fd, uint64_t from, uint64_t len) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int readable = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    char *bytes = malloc(len);
    if (readable < 0 || !bytes) broken("what is overwritten cannot be read");
    for (uint64_t done = 0; done < len;) {
        ssize_t n = syscall(SYS_pread64, readable, bytes + done, len - done, from + done);
        if (n <= 0) broken("what is overwritten cannot be read");
        done += (uint64_t)n;
    }
    syscall(SYS_close, readable);
    return bytes;
}

static ssize_t result(ssize_t done) {
    int error = errno;
    if (done < 0 && error == ENOSPC) ++control->refused;
    note(RESULT, 0, done < 0 ? FAILED : (uint64_t)done, 0, NULL, 0, NULL, 0);
    errno = error;
    return done;
}

static ssize_t put(int fd, const void *bytes, size_t len, off_t offset, int at_offset) {
    struct stat st;
    if (!on_disk(fd, &st) || !S_ISREG(st.st_mode)) {
        return at_offset ? syscall(SYS_pwrite64, fd, bytes, len, offset) : syscall(SYS_write, fd, bytes, len);
    }
    pthread_mutex_lock(&lock);
    fstat(fd, &st);
    if (!at_offset) offset = lseek(fd, 0, SEEK_CUR);
    if (fcntl(fd, F_GETFL) & O_APPEND) offset = st.st_size;
    uint64_t overlap = offset < st.st_size ? (uint64_t)(st.st_size - offset) : 0;
    if (overlap > len) overlap = len;
    void *old = overlap ? before(fd, (uint64_t)offset, overlap) : NULL;
    note(WRITE, st.st_ino, (uint64_t)offset, (uint64_t)st.st_size, old, overlap, bytes, len);
    free(old);
    ++control->writes;
    ssize_t done =
        result(at_offset ? syscall(SYS_pwrite64, fd, bytes, len, offset) : syscall(SYS_write, fd, bytes, len));
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t len) { return put(fd, bytes, len, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset) { return put(fd, bytes, len, offset, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset) { return put(fd, bytes, len, offset, 1); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct stat st;
    if (!on_disk(fd, &st) || !S_ISREG(st.st_mode)) return syscall(SYS_writev, fd, parts, count);
    /* A short write is always allowed: the first part that has bytes. */
    for (int n = 0; n < count; n++) {
        if (parts[n].iov_len) return put(fd, parts[n].iov_base, parts[n].iov_len, 0, 0);
    }
    return 0;
}

static void note_truncation(int fd, const struct stat *st, uint64_t length) {
    uint64_t size = (uint64_t)st->st_size, tail = size > length ? size - length : 0;
    void *old = tail ? before(fd, length, tail) : NULL;
    note(TRUNCATE, st->st_ino, length, size, old, tail, NULL, 0);
    free(old);
}

static int cut(int fd, off_t length) {
    struct stat st;
    if (!on_disk(fd, &st)) return (int)syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    fstat(fd, &st);
    note_truncation(fd, &st, (uint64_t)length);
    int done = (int)result(syscall(SYS_ftruncate, fd, length));
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t length) {
    if (fd == journal) return (int)syscall(SYS_ftruncate, fd, length);
    return cut(fd, length);
}
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

static int sync_file(int fd, long call) {
    struct stat st;
    if (!on_disk(fd, &st)) return (int)syscall(call, fd);
    if (control->lying) return 0;
    /* Before the lock: meanwhile others write, and what they write does not become durable by this sync on a real disk either, or
     * does; here it does. */
    if (control->sync_us) usleep((useconds_t)control->sync_us);
    pthread_mutex_lock(&lock);
    int done = (int)syscall(call, fd);
    if (done == 0) durable(st.st_ino);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

/* ---- names ---- */

/* The folder's inode and the last part of the path, if that folder is on the disk. */
static const char *place(int at, const char *path, uint64_t *folder) {
    char parent[PATH_MAX];
    struct stat st;
    const char *slash = strrchr(path, '/');
    if (!disk || strlen(path) >= PATH_MAX) return NULL;
    if (!slash) {
        strcpy(parent, ".");
    } else if (slash == path) {
        strcpy(parent, "/");
    } else {
        memcpy(parent, path, (size_t)(slash - path));
        parent[slash - path] = 0;
    }
    if (fstatat(at, parent, &st, 0) || st.st_dev != disk) return NULL;
    *folder = st.st_ino;
    return slash ? slash + 1 : path;
}

static uint64_t inode_of(int at, const char *path) {
    struct stat st;
    return fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_ino;
}

/* Keeps what loses its name until that is durable; 0 when there is nothing to keep. */
static uint64_t keep(int at, const char *path) {
    char kept[PATH_MAX + 32];
    snprintf(kept, sizeof kept, "%s/%llu", trash, (unsigned long long)next_trash);
    if (syscall(SYS_linkat, at, path, AT_FDCWD, kept, 0)) return 0;
    return next_trash++;
}

static int open_at(int at, const char *path, int flags, mode_t mode) {
    uint64_t folder = 0;
    const char *name = flags & (O_CREAT | O_TRUNC) ? place(at, path, &folder) : NULL;
    if (!name || (flags & O_TMPFILE) == O_TMPFILE) return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = inode_of(at, path) == 0;
    int fd = (int)syscall(SYS_openat, at, path, flags & ~O_TRUNC, mode);
    int error = errno;
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == disk && S_ISREG(st.st_mode)) {
        if (is_new) {
            /* Noted after the fact: a kill in between leaves an empty file, as a crash may. */
            note(CREATE, folder, st.st_ino, 0, name, strlen(name), NULL, 0);
        } else if ((flags & O_TRUNC) && st.st_size) {
            note_truncation(fd, &st, 0);
            result(syscall(SYS_ftruncate, fd, 0));
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define MODE(flags)                                                                                                    \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode = va_arg(more, mode_t);                                                                                   \
        va_end(more);                                                                                                  \
    }
int open(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_at(at, path, flags, mode); }

static int make_folder(int at, const char *path, mode_t mode) {
    uint64_t folder;
    const char *name = place(at, path, &folder);
    if (!name) return (int)syscall(SYS_mkdirat, at, path, mode);
    pthread_mutex_lock(&lock);
    int done = (int)syscall(SYS_mkdirat, at, path, mode);
    int error = errno;
    if (done == 0) note(CREATE, folder, inode_of(at, path), 1, name, strlen(name), NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}
int mkdir(const char *path, mode_t mode) { return make_folder(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return make_folder(at, path, mode); }

static int take_name(int at, const char *path, int flags) {
    uint64_t folder;
    const char *name = flags & AT_REMOVEDIR ? NULL : place(at, path, &folder);
    if (!name) return (int)syscall(SYS_unlinkat, at, path, flags);
    pthread_mutex_lock(&lock);
    uint64_t kept = keep(at, path);
    if (kept) note(UNLINK, folder, inode_of(at, path), kept, name, strlen(name), NULL, 0);
    int done = (int)syscall(SYS_unlinkat, at, path, flags);
    if (kept) result(done);
    pthread_mutex_unlock(&lock);
    return done;
}
int unlink(const char *path) { return take_name(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return take_name(at, path, flags); }

int rename(const char *from, const char *to) {
    uint64_t old_folder, new_folder;
    const char *old_name = place(AT_FDCWD, from, &old_folder), *new_name = place(AT_FDCWD, to, &new_folder);
    if (!old_name || !new_name) return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    pthread_mutex_lock(&lock);
    uint64_t kept = keep(AT_FDCWD, to);
    /* Durable with the folder that has the new name. The bytes: the old folder's inode, the old name; the new name. */
    size_t len = strlen(old_name);
    char first[8 + NAME_MAX + 1];
    memcpy(first, &old_folder, 8);
    memcpy(first + 8, old_name, len > NAME_MAX ? NAME_MAX : len);
    note(RENAME, new_folder, inode_of(AT_FDCWD, from), kept, first, 8 + len, new_name, strlen(new_name));
    int done = (int)result(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
    pthread_mutex_unlock(&lock);
    return done;
}

/* ---- clock ---- */

static int64_t skew(void) {
    int64_t skew = control ? __atomic_load_n(&control->skew_ns, __ATOMIC_RELAXED) : 0;
    if (skew) __atomic_add_fetch(&control->skewed_reads, 1, __ATOMIC_RELAXED);
    return skew;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = real_clock_gettime ? real_clock_gettime(clock, now) : (int)syscall(SYS_clock_gettime, clock, now);
    int64_t by = done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) ? skew() : 0;
    if (by) {
        int64_t sum = now->tv_nsec + by % 1000000000;
        now->tv_sec += by / 1000000000 + (sum < 0 ? -1 : sum / 1000000000);
        now->tv_nsec = sum < 0 ? sum + 1000000000 : sum % 1000000000;
    }
    return done;
}

int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    struct timespec at;
    if (clock_gettime(CLOCK_REALTIME, &at)) return -1;
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec at;
    if (clock_gettime(CLOCK_REALTIME, &at)) return -1;
    if (out) *out = at.tv_sec;
    return at.tv_sec;
}
