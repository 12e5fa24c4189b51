/* Counts a process's file operations below one directory, and puts a fault into one of them.
 *
 * An LD_PRELOAD library for tests. What counts, by kind:
 *   write     write pwrite pwrite64 writev pwritev pwritev64 pwritev2 pwritev64v2
 *   sync      fsync fdatasync
 *   rename    rename renameat renameat2
 *   unlink    unlink unlinkat
 *   truncate  ftruncate ftruncate64
 * and only on files below SHIM_DIR (descriptors are looked up in /proc/self/fd at each call, so that a number
 * that was closed and opened again is never mistaken). Calls are numbered from 1 per kind, over all threads.
 *
 *   SHIM_DIR=/path              absolute; without it nothing is counted
 *   SHIM_COUNT=/path            the counts, as lines "kind number", at exit and before a kill
 *   SHIM_KILL=kind:k[:before]   SIGKILL after (or before) the k-th call is made
 *   SHIM_FAIL=kind:k[+]:ERRNO   the k-th call fails (with + also all later ones) and does nothing
 *   SHIM_TEAR=write:k:n         the k-th write does n bytes at most, then SIGKILL
 *
 * A setting that cannot be read ends the process with status 97: a fault that is silently not there would make
 * a test green. Children inherit the settings and count by themselves, from 1; SHIM_COUNT is of the process that
 * ended last. Raw system calls (rustix with its Linux backend makes such) pass by the shim: a test checks the
 * counts, not only the outcome.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, SYNC, RENAME, UNLINK, TRUNCATE, KINDS };
static const char *const kind_names[KINDS] = {"write", "sync", "rename", "unlink", "truncate"};

enum fault { NOTHING, KILL_BEFORE, KILL_AFTER, FAIL, TEAR };
struct rule {
    enum fault fault;
    enum kind kind;
    unsigned long at;
    int from_there_on;
    int error;
    size_t bytes;
};

static struct rule rules[3];
static int rule_count;
static char directory[PATH_MAX];
static size_t directory_length;
static char count_path[PATH_MAX];
static atomic_ulong counts[KINDS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void refuse(const char *name, const char *value) {
    char text[512];
    int length = snprintf(text, sizeof text, "killshim: cannot read %s=%s\n", name, value);
    syscall(SYS_write, 2, text, (size_t)length);
    syscall(SYS_exit_group, 97);
}

static int error_number(const char *name) {
    static const struct { const char *name; int number; } known[] = {
        {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR}, {"EACCES", EACCES},
        {"EROFS", EROFS}, {"EAGAIN", EAGAIN}, {"EBADF", EBADF}, {"EFBIG", EFBIG}, {"EPERM", EPERM},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) return known[i].number;
    return 0;
}

/* Reads "kind:k" and leaves *rest at what follows. */
static void read_head(const char *name, const char *value, struct rule *rule, const char **rest) {
    const char *colon = strchr(value, ':');
    int found = 0;
    for (int kind = 0; colon && kind < KINDS; kind++) {
        if (strlen(kind_names[kind]) == (size_t)(colon - value) &&
            strncmp(kind_names[kind], value, (size_t)(colon - value)) == 0) {
            rule->kind = (enum kind)kind;
            found = 1;
        }
    }
    if (!found || colon[1] < '0' || colon[1] > '9') refuse(name, value);
    char *end;
    rule->at = strtoul(colon + 1, &end, 10);
    if (rule->at == 0) refuse(name, value);
    *rest = end;
}

static void read_settings(void) {
    const char *value = getenv("SHIM_DIR");
    if (!value || !*value) return;
    if (value[0] != '/' || !realpath(value, directory)) refuse("SHIM_DIR", value);
    directory_length = strlen(directory);
    const char *rest;
    if ((value = getenv("SHIM_COUNT"))) {
        if (strlen(value) >= sizeof count_path) refuse("SHIM_COUNT", value);
        strcpy(count_path, value);
    }
    if ((value = getenv("SHIM_KILL"))) {
        struct rule *rule = &rules[rule_count++];
        read_head("SHIM_KILL", value, rule, &rest);
        if (*rest == 0) rule->fault = KILL_AFTER;
        else if (strcmp(rest, ":before") == 0) rule->fault = KILL_BEFORE;
        else refuse("SHIM_KILL", value);
    }
    if ((value = getenv("SHIM_FAIL"))) {
        struct rule *rule = &rules[rule_count++];
        read_head("SHIM_FAIL", value, rule, &rest);
        rule->fault = FAIL;
        if (*rest == '+') {
            rule->from_there_on = 1;
            rest++;
        }
        if (*rest != ':' || !(rule->error = error_number(rest + 1))) refuse("SHIM_FAIL", value);
    }
    if ((value = getenv("SHIM_TEAR"))) {
        struct rule *rule = &rules[rule_count++];
        read_head("SHIM_TEAR", value, rule, &rest);
        rule->fault = TEAR;
        char *end = NULL;
        if (rule->kind != WRITE || *rest != ':' || rest[1] < '0' || rest[1] > '9') refuse("SHIM_TEAR", value);
        rule->bytes = strtoul(rest + 1, &end, 10);
        if (*end) refuse("SHIM_TEAR", value);
    }
}

static void start(void) { pthread_once(&once, read_settings); }

static int below(const char *path) {
    return directory_length && strncmp(path, directory, directory_length) == 0 &&
           (path[directory_length] == '/' || path[directory_length] == 0);
}

static int fd_below(int fd) {
    char link[64], path[PATH_MAX];
    start();
    if (!directory_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path);
}

/* Whether a name, relative to the directory `at`, is below SHIM_DIR. Its last component need not exist. */
static int name_below(int at, const char *name) {
    char joined[2 * PATH_MAX], parent[PATH_MAX], link[64];
    start();
    if (!directory_length || !name) return 0;
    if (name[0] == '/') {
        snprintf(joined, sizeof joined, "%s", name);
    } else {
        if (at == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t length = readlink(link, parent, sizeof parent - 1);
        if (length <= 0) return 0;
        parent[length] = 0;
        snprintf(joined, sizeof joined, "%s/%s", parent, name);
    }
    char *slash = strrchr(joined, '/');
    if (!slash) return 0;
    *slash = 0;
    return realpath(*joined ? joined : "/", parent) && below(parent);
}

static void write_counts(void) {
    if (!directory_length || !*count_path) return;
    char text[256];
    int length = 0;
    for (int kind = 0; kind < KINDS; kind++)
        length += snprintf(text + length, sizeof text - (size_t)length, "%s %lu\n", kind_names[kind],
                           atomic_load(&counts[kind]));
    /* Raw system calls: these are the shim's own. */
    long fd = syscall(SYS_openat, AT_FDCWD, count_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return;
    syscall(SYS_write, fd, text, (size_t)length);
    syscall(SYS_close, fd);
}

__attribute__((destructor)) static void at_exit(void) { write_counts(); }

/* Programs that leave by _exit (sh after fork, for one) run no destructors. */
#define EXIT(name)                                   \
    __attribute__((noreturn)) void name(int status) { \
        write_counts();                              \
        for (;;) syscall(SYS_exit_group, status);    \
    }
EXIT(_exit)
EXIT(_Exit)

static void die(void) {
    write_counts();
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

/* Numbers a call and says what is to happen to it; `*rule` holds the details. */
static enum fault next_call(enum kind kind, const struct rule **rule) {
    unsigned long number = atomic_fetch_add(&counts[kind], 1) + 1;
    for (int i = 0; i < rule_count; i++) {
        *rule = &rules[i];
        int hit = number == rules[i].at || (rules[i].from_there_on && number > rules[i].at);
        if (rules[i].kind == kind && hit) return rules[i].fault;
    }
    return NOTHING;
}

#define REAL(type, name, parameters)                                       \
    static type(*real) parameters;                                         \
    if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, name)

/* A call of `kind`; `made` makes it. `torn` makes at most rule->bytes of it. */
#define CALL(type, counted, kind, made, torn)            \
    if (!(counted)) return made;                         \
    const struct rule *rule = NULL;                      \
    enum fault fault = next_call(kind, &rule);           \
    if (fault == KILL_BEFORE) die();                     \
    if (fault == FAIL) {                                 \
        errno = rule->error;                             \
        return -1;                                       \
    }                                                    \
    if (fault == TEAR) {                                 \
        torn;                                            \
        die();                                           \
    }                                                    \
    type result = made;                                  \
    if (fault == KILL_AFTER) die();                      \
    return result

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* The first n bytes of a vector, one piece after the other; at < 0: at the file's position. */
static void tear_vector(int fd, const struct iovec *vector, int count, off64_t at, size_t n) {
    for (int i = 0; i < count && n > 0; i++) {
        size_t part = least(n, vector[i].iov_len);
        ssize_t done = at < 0 ? syscall(SYS_write, fd, vector[i].iov_base, part)
                              : syscall(SYS_pwrite64, fd, vector[i].iov_base, part, at);
        if (done < 0) return;
        n -= part;
        if (at >= 0) at += done;
    }
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", (int, const void *, size_t));
    CALL(ssize_t, fd_below(fd), WRITE, real(fd, data, size), real(fd, data, least(size, rule->bytes)));
}

#define PWRITE(name, offset_type)                                                    \
    ssize_t name(int fd, const void *data, size_t size, offset_type at) {            \
        REAL(ssize_t, #name, (int, const void *, size_t, offset_type));              \
        CALL(ssize_t, fd_below(fd), WRITE, real(fd, data, size, at),                 \
             real(fd, data, least(size, rule->bytes), at));                          \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *vector, int count) {
    REAL(ssize_t, "writev", (int, const struct iovec *, int));
    CALL(ssize_t, fd_below(fd), WRITE, real(fd, vector, count),
         tear_vector(fd, vector, count, -1, rule->bytes));
}

#define PWRITEV(name, offset_type)                                                   \
    ssize_t name(int fd, const struct iovec *vector, int count, offset_type at) {    \
        REAL(ssize_t, #name, (int, const struct iovec *, int, offset_type));         \
        CALL(ssize_t, fd_below(fd), WRITE, real(fd, vector, count, at),              \
             tear_vector(fd, vector, count, at, rule->bytes));                       \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define PWRITEV2(name, offset_type)                                                          \
    ssize_t name(int fd, const struct iovec *vector, int count, offset_type at, int flags) { \
        REAL(ssize_t, #name, (int, const struct iovec *, int, offset_type, int));            \
        CALL(ssize_t, fd_below(fd), WRITE, real(fd, vector, count, at, flags),               \
             tear_vector(fd, vector, count, at, rule->bytes));                               \
    }
PWRITEV2(pwritev2, off_t)
PWRITEV2(pwritev64v2, off64_t)

#define ON_FD(name, kind)                                           \
    int name(int fd) {                                              \
        REAL(int, #name, (int));                                    \
        CALL(int, fd_below(fd), kind, real(fd), (void)0);           \
    }
ON_FD(fsync, SYNC)
ON_FD(fdatasync, SYNC)

#define TRUNCATE_FD(name, offset_type)                                      \
    int name(int fd, offset_type size) {                                    \
        REAL(int, #name, (int, offset_type));                               \
        CALL(int, fd_below(fd), TRUNCATE, real(fd, size), (void)0);         \
    }
TRUNCATE_FD(ftruncate, off_t)
TRUNCATE_FD(ftruncate64, off64_t)

int rename(const char *from, const char *to) {
    REAL(int, "rename", (const char *, const char *));
    CALL(int, name_below(AT_FDCWD, to) || name_below(AT_FDCWD, from), RENAME, real(from, to), (void)0);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
    REAL(int, "renameat", (int, const char *, int, const char *));
    CALL(int, name_below(to_at, to) || name_below(from_at, from), RENAME,
         real(from_at, from, to_at, to), (void)0);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned int flags) {
    REAL(int, "renameat2", (int, const char *, int, const char *, unsigned int));
    CALL(int, name_below(to_at, to) || name_below(from_at, from), RENAME,
         real(from_at, from, to_at, to, flags), (void)0);
}

int unlink(const char *name) {
    REAL(int, "unlink", (const char *));
    CALL(int, name_below(AT_FDCWD, name), UNLINK, real(name), (void)0);
}

int unlinkat(int at, const char *name, int flags) {
    REAL(int, "unlinkat", (int, const char *, int));
    CALL(int, name_below(at, name), UNLINK, real(at, name, flags), (void)0);
}
