/* Scenario time for programs: loaded into every program of a lab, it shows them the lab's clock.
 *
 * One page of memory, shared with the lab, holds how far the lab's clock is ahead of the machine's.  The clocks a
 * program reads are shifted by that, and every wait with a time limit is noted there: until when, on the lab's clock.
 * When all threads of all programs rest, the lab shifts the clock to the earliest of these times and sends WAKE to the
 * threads whose time has come.  Nothing else is changed: a wait ends by itself, too, if no jump is sooner.
 *
 * What the C library waits for inside itself (the resolver's time limits) cannot be reached from here, nor can static
 * programs.  The lab sees such threads asleep in a system call with a time limit, and lets real time pass.
 *
 * Layout and meaning of the page: page.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#define SECOND 1000000000LL
#define NEVER INT64_MAX
#define WAKE SIGSTKFLT /* a signal that no kernel and no program sends */
#define MAGIC 0x314d4954u
#define SLOTS 4096
#define JUMPS 131072
#define SET_TIMES 8192
#define SLICE (50 * 1000000LL) /* how long a condition waits at most before it looks at the clock again */

enum { FREE, RUNS, WAITS };
enum { SOCKETS = 1, TIMERS = 2 };

#define PF_EXITING 0x4 /* linux/sched.h, in the flags of proc(5), stat */
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#ifndef SYS_io_uring_enter
#define SYS_io_uring_enter 426
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* A thread.  The lab frees a slot when its thread is gone. */
struct slot {
    _Atomic int32_t thread; /* its number in the PID namespace of that start */
    _Atomic int32_t state;
    _Atomic uint32_t start; /* of which start of a program it is */
    _Atomic uint32_t waits; /* counts beginnings and ends of waits */
    _Atomic int64_t until;  /* the end of its wait on the lab's monotonic clock, ns */
    _Atomic int64_t alarm;  /* when SIGALRM is due, of a process's first thread; 0 when it is not */
    _Atomic int64_t every;  /* the interval at which the alarm repeats, ns */
    _Atomic uint32_t limits; /* what of the process nobody can shift: SOCKETS, TIMERS */
    _Atomic uint32_t taken;
};

struct jump {
    int64_t at; /* the machine's date, ns */
    int64_t offset;
};

struct set_time {
    _Atomic uint32_t lock;
    uint32_t unused;
    uint64_t device, inode;
    struct timespec access, change;
};

struct page {
    uint32_t magic, slots;
    _Atomic int64_t offset; /* the lab's clock less the machine's, ns */
    _Atomic uint32_t jumps; /* how many entries of history are written */
    _Atomic uint32_t used;  /* no slot from this one on was ever taken */
    struct slot slot[SLOTS];
    struct jump history[JUMPS];
    struct set_time set[SET_TIMES];
};

static struct page *page;
static uint32_t start;
static struct slot *of_process;
static __thread struct slot *own;
static __thread volatile sig_atomic_t woken;
static __thread struct timespec *limit_of_condition;

#define REAL(result, name, ...)                                                                                        \
    static result (*real_##name)(__VA_ARGS__);                                                                         \
    static void find_##name(void) { *(void **)&real_##name = dlsym(RTLD_NEXT, #name); }

#define FIND(name) (real_##name ? (void)0 : find_##name())

/* -- times --------------------------------------------------------------------------------------------------- */

static int64_t ns(const struct timespec *time) { return time->tv_sec * SECOND + time->tv_nsec; }

static struct timespec spec(int64_t time) {
    struct timespec result = {time / SECOND, time % SECOND};
    if (result.tv_nsec < 0) {
        result.tv_sec--;
        result.tv_nsec += SECOND;
    }
    return result;
}

static int64_t added(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? NEVER : sum;
}

static int64_t from_spec(const struct timespec *time) {
    return time->tv_sec > INT64_MAX / SECOND - 1 ? NEVER : ns(time);
}

static int64_t offset(void) { return page ? atomic_load_explicit(&page->offset, memory_order_acquire) : 0; }

static int shifted(clockid_t clock) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
    case CLOCK_TAI:
        return 1;
    }
    return 0;
}

REAL(int, clock_gettime, clockid_t, struct timespec *)

static int64_t now(clockid_t clock) {
    struct timespec time;
    FIND(clock_gettime);
    real_clock_gettime(clock, &time);
    return ns(&time) + offset();
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    FIND(clock_gettime);
    int result = real_clock_gettime(clock, time);
    if (result == 0 && page && shifted(clock))
        *time = spec(ns(time) + offset());
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    if (zone)
        memset(zone, 0, sizeof(struct timezone));
    struct timeval *volatile wanted = time; /* the header says it is never NULL; old programs do not know */
    int64_t date = now(CLOCK_REALTIME);
    if (wanted)
        *time = (struct timeval){date / SECOND, date % SECOND / 1000};
    return 0;
}

time_t time(time_t *result) {
    time_t date = now(CLOCK_REALTIME) / SECOND;
    if (result)
        *result = date;
    return date;
}

/* Whether this machine is busy must not decide what a program of the lab puts off. */
int getloadavg(double *found, int count) {
    int known = count < 3 ? count : 3; /* as the C library has it */
    for (int i = 0; i < known; i++)
        found[i] = 0;
    return known;
}

int timespec_get(struct timespec *time, int base) {
    if (base != TIME_UTC)
        return 0;
    *time = spec(now(CLOCK_REALTIME));
    return base;
}

/* -- slots --------------------------------------------------------------------------------------------------- */

static struct slot *take(void) {
    int32_t thread = (int32_t)syscall(SYS_gettid);
    uint32_t used = atomic_load(&page->used);
    for (uint32_t i = 0; i < used && i < SLOTS; i++) /* that of the program this one has taken the place of */
        if (atomic_load(&page->slot[i].thread) == thread && atomic_load(&page->slot[i].start) == start &&
            atomic_load(&page->slot[i].taken))
            return &page->slot[i];
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &page->slot[i];
        uint32_t free = 0;
        if (!atomic_compare_exchange_strong(&slot->taken, &free, 1))
            continue;
        atomic_store(&slot->alarm, 0);
        atomic_store(&slot->every, 0);
        atomic_store(&slot->limits, 0);
        atomic_store(&slot->until, NEVER);
        atomic_store(&slot->start, start);
        atomic_store(&slot->thread, thread);
        atomic_store(&slot->state, RUNS);
        for (used = atomic_load(&page->used); used <= i;)
            if (atomic_compare_exchange_weak(&page->used, &used, i + 1))
                break;
        return slot;
    }
    return NULL; /* more threads than there is room for: the lab sees them sleep with time limits, and waits */
}

static struct slot *slot(void) {
    if (page && !own)
        own = take();
    return own;
}

struct noted {
    struct slot *slot;
    int32_t state;
    int64_t until;
    sigset_t blocked;
};

/* A wait may be interrupted by a signal whose handler waits: what was noted before comes back. */
static struct noted begin(int64_t until) {
    struct noted before = {.slot = slot(), .state = RUNS, .until = NEVER};
    if (before.slot) {
        before.state = atomic_load(&before.slot->state);
        before.until = atomic_load(&before.slot->until);
        atomic_store(&before.slot->until, until);
        atomic_store(&before.slot->state, WAITS);
        atomic_fetch_add(&before.slot->waits, 1);
    }
    woken = 0;
    return before;
}

static void end(struct noted before) {
    if (before.slot) {
        int kept = errno;
        atomic_store(&before.slot->state, before.state);
        atomic_store(&before.slot->until, before.until);
        atomic_fetch_add(&before.slot->waits, 1);
        errno = kept;
    }
}

static int64_t left(int64_t until) {
    if (until == NEVER)
        return NEVER;
    int64_t rest = until - now(CLOCK_MONOTONIC);
    return rest > 0 ? rest : 0;
}

/* A date or time of any clock as one of the lab's monotonic clock. */
static int64_t monotonic(clockid_t clock, int64_t time) {
    return clock == CLOCK_MONOTONIC ? time : added(time - now(clock), now(CLOCK_MONOTONIC));
}

/* The signals to be blocked during a wait: those that are, or those the caller wants, but never WAKE. */
static sigset_t blocked(const sigset_t *wanted) {
    sigset_t mask;
    if (wanted)
        mask = *wanted;
    else
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
    sigdelset(&mask, WAKE);
    return mask;
}

/* A wait in which WAKE is let in by hand, as its call takes no signals to block. */
static struct noted begin_open(int64_t until) {
    struct noted before = begin(until);
    sigset_t mask = blocked(NULL);
    pthread_sigmask(SIG_SETMASK, &mask, &before.blocked);
    return before;
}

static void end_open(struct noted before) {
    int kept = errno;
    pthread_sigmask(SIG_SETMASK, &before.blocked, NULL);
    errno = kept;
    end(before);
}

/* Whether a wait that has given ETIMEDOUT or EINTR is to go on. */
static int goes_on(int error, int64_t until) {
    int again = error == ETIMEDOUT ? left(until) > 0 : error == EINTR && woken;
    woken = 0;
    return again;
}

/* -- timers as files: set again in real time whenever the clock has jumped ------------------------------------- */

#define MOST_TIMERS 64
static struct {
    int file;
    int64_t due, every;
} timers[MOST_TIMERS];
static _Atomic int timers_used;
static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;

REAL(int, timerfd_settime, int, int, const struct itimerspec *, struct itimerspec *)

static int64_t earliest_timer(void) {
    int64_t earliest = NEVER;
    for (int i = 0; i < atomic_load(&timers_used); i++)
        if (timers[i].due && timers[i].due < earliest)
            earliest = timers[i].due;
    return earliest;
}

static void settle_timers(void) {
    FIND(timerfd_settime);
    pthread_mutex_lock(&timers_lock);
    for (int i = 0; i < atomic_load(&timers_used); i++) {
        if (!timers[i].due)
            continue;
        int64_t rest = left(timers[i].due);
        struct itimerspec value = {spec(timers[i].every), spec(rest ? rest : 1)};
        if (real_timerfd_settime(timers[i].file, 0, &value, NULL) < 0)
            timers[i].due = 0; /* closed meanwhile */
        else if (rest == 0)
            timers[i].due = timers[i].every ? added(now(CLOCK_MONOTONIC), timers[i].every) : 0;
    }
    pthread_mutex_unlock(&timers_lock);
}

int timerfd_settime(int file, int flags, const struct itimerspec *value, struct itimerspec *before) {
    FIND(timerfd_settime);
    if (!of_process || !value)
        return real_timerfd_settime(file, flags, value, before);
    int64_t time = from_spec(&value->it_value), rest = time;
    if (flags & TFD_TIMER_ABSTIME && time) /* of a clock that is not known here: dates are large */
        rest = left(time > now(CLOCK_MONOTONIC) + 30 * 365 * 86400 * SECOND ? monotonic(CLOCK_REALTIME, time) : time);
    struct itimerspec real = {value->it_interval, time ? spec(rest ? rest : 1) : spec(0)};
    int result = real_timerfd_settime(file, 0, &real, before);
    if (result < 0)
        return result;
    atomic_fetch_or(&of_process->limits, SOCKETS); /* who waits for it in read(2) hears of no jump */
    pthread_mutex_lock(&timers_lock);
    int i = 0, used = atomic_load(&timers_used);
    while (i < used && timers[i].file != file)
        i++;
    if (i < MOST_TIMERS) {
        timers[i].file = file;
        timers[i].due = time ? added(now(CLOCK_MONOTONIC), rest) : 0;
        timers[i].every = from_spec(&value->it_interval);
        if (i == used)
            atomic_store(&timers_used, used + 1);
    }
    pthread_mutex_unlock(&timers_lock);
    return result;
}

/* -- polling ------------------------------------------------------------------------------------------------- */

/* A wait for files ends by a timer among them, too. */
static struct noted begin_files(int64_t until) {
    int64_t timer = earliest_timer();
    return begin(timer < until ? timer : until);
}

/* Whether a wait for files that has given this result is to go on. */
static int files_go_on(struct noted before, int64_t until, int result) {
    if (result > 0 || (result == 0 && left(until) == 0) || (result < 0 && !(errno == EINTR && woken)))
        return 0;
    woken = 0;
    settle_timers();
    if (before.slot) {
        int64_t timer = earliest_timer();
        atomic_store(&before.slot->until, timer < until ? timer : until);
        atomic_fetch_add(&before.slot->waits, 1);
    }
    return 1;
}

REAL(int, ppoll, struct pollfd *, nfds_t, const struct timespec *, const sigset_t *)

static int polled(struct pollfd *files, nfds_t count, int64_t wait, const sigset_t *wanted) {
    FIND(ppoll);
    int64_t until = wait == NEVER ? NEVER : added(now(CLOCK_MONOTONIC), wait);
    struct noted before = begin_files(until);
    sigset_t mask = blocked(wanted);
    int result;
    do {
        struct timespec limit = spec(left(until));
        result = real_ppoll(files, count, until == NEVER ? NULL : &limit, &mask);
    } while (files_go_on(before, until, result));
    end(before);
    return result;
}

int ppoll(struct pollfd *files, nfds_t count, const struct timespec *limit, const sigset_t *mask) {
    FIND(ppoll);
    if (!page || (limit && ns(limit) == 0))
        return real_ppoll(files, count, limit, mask);
    return polled(files, count, limit ? from_spec(limit) : NEVER, mask);
}

REAL(int, poll, struct pollfd *, nfds_t, int)

int poll(struct pollfd *files, nfds_t count, int milliseconds) {
    FIND(poll);
    if (!page || milliseconds == 0)
        return real_poll(files, count, milliseconds);
    return polled(files, count, milliseconds < 0 ? NEVER : milliseconds * 1000000LL, NULL);
}

REAL(int, pselect, int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *)

static int selected(int count, fd_set *r, fd_set *w, fd_set *x, int64_t wait, const sigset_t *wanted, int64_t *rest) {
    FIND(pselect);
    int64_t until = wait == NEVER ? NEVER : added(now(CLOCK_MONOTONIC), wait);
    struct noted before = begin_files(until);
    sigset_t mask = blocked(wanted);
    fd_set sets[3];
    fd_set *given[3] = {r, w, x};
    size_t octets = ((size_t)count + 63) / 64 * 8; /* the kernel's words: programs have sets of other sizes */
    int fits = octets <= sizeof(fd_set);
    for (int i = 0; i < 3; i++)
        if (given[i] && fits)
            memcpy(&sets[i], given[i], octets);
    int result;
    do {
        for (int i = 0; i < 3; i++)
            if (given[i] && fits)
                memcpy(given[i], &sets[i], octets);
        struct timespec limit = spec(left(until));
        result = real_pselect(count, r, w, x, until == NEVER ? NULL : &limit, &mask);
    } while (files_go_on(before, until, result));
    *rest = left(until);
    end(before);
    return result;
}

int pselect(int count, fd_set *r, fd_set *w, fd_set *x, const struct timespec *limit, const sigset_t *mask) {
    int64_t rest;
    FIND(pselect);
    if (!page || (limit && ns(limit) == 0))
        return real_pselect(count, r, w, x, limit, mask);
    return selected(count, r, w, x, limit ? from_spec(limit) : NEVER, mask, &rest);
}

REAL(int, select, int, fd_set *, fd_set *, fd_set *, struct timeval *)

int select(int count, fd_set *r, fd_set *w, fd_set *x, struct timeval *limit) {
    FIND(select);
    if (!page || (limit && limit->tv_sec == 0 && limit->tv_usec == 0) ||
        (limit && (limit->tv_sec < 0 || limit->tv_usec < 0)))
        return real_select(count, r, w, x, limit);
    int64_t rest, wait = NEVER;
    if (limit && limit->tv_sec < INT64_MAX / SECOND - 1)
        wait = limit->tv_sec * SECOND + limit->tv_usec * 1000LL;
    int result = selected(count, r, w, x, wait, NULL, &rest);
    if (limit && rest != NEVER) { /* Linux tells what is left of it (select(2)) */
        limit->tv_sec = rest / SECOND;
        limit->tv_usec = rest % SECOND / 1000;
    }
    return result;
}

REAL(int, epoll_pwait, int, struct epoll_event *, int, int, const sigset_t *)

static int milliseconds(int64_t rest) {
    int64_t result = rest / 1000000 + (rest % 1000000 > 0);
    return rest == NEVER ? -1 : result > INT_MAX ? INT_MAX : (int)result;
}

static int epolled(int epoll, struct epoll_event *events, int count, int64_t wait, const sigset_t *wanted) {
    FIND(epoll_pwait);
    int64_t until = wait == NEVER ? NEVER : added(now(CLOCK_MONOTONIC), wait);
    struct noted before = begin_files(until);
    sigset_t mask = blocked(wanted);
    int result;
    do
        result = real_epoll_pwait(epoll, events, count, milliseconds(left(until)), &mask);
    while (files_go_on(before, until, result));
    end(before);
    return result;
}

int epoll_pwait(int epoll, struct epoll_event *events, int count, int limit, const sigset_t *mask) {
    FIND(epoll_pwait);
    if (!page || limit == 0)
        return real_epoll_pwait(epoll, events, count, limit, mask);
    return epolled(epoll, events, count, limit < 0 ? NEVER : limit * 1000000LL, mask);
}

int epoll_wait(int epoll, struct epoll_event *events, int count, int limit) {
    return epoll_pwait(epoll, events, count, limit, NULL);
}

int epoll_pwait2(int epoll, struct epoll_event *events, int count, const struct timespec *limit, const sigset_t *mask) {
    if (!page || (limit && ns(limit) == 0)) {
        FIND(epoll_pwait);
        return real_epoll_pwait(epoll, events, count, limit ? milliseconds(from_spec(limit)) : -1, mask);
    }
    return epolled(epoll, events, count, limit ? from_spec(limit) : NEVER, mask);
}

/* -- sleeping ------------------------------------------------------------------------------------------------ */

/* Sleeps until a time of the lab's monotonic clock; 0, or EINTR. */
static int slept(int64_t until) {
    FIND(ppoll);
    struct noted before = begin(until);
    sigset_t mask = blocked(NULL);
    int result = 0, kept = errno;
    for (int64_t rest; (rest = left(until)) > 0; woken = 0) {
        struct timespec limit = spec(rest);
        if (real_ppoll(NULL, 0, &limit, &mask) < 0 && !woken) {
            result = EINTR;
            break;
        }
    }
    errno = kept;
    end(before);
    return result;
}

REAL(int, clock_nanosleep, clockid_t, int, const struct timespec *, struct timespec *)

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *rest) {
    FIND(clock_nanosleep);
    if (!page || !shifted(clock) || time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= SECOND)
        return real_clock_nanosleep(clock, flags, time, rest);
    int absolute = flags & TIMER_ABSTIME;
    int64_t until = absolute ? monotonic(clock, from_spec(time)) : added(now(CLOCK_MONOTONIC), from_spec(time));
    int result = slept(until);
    if (result && rest && !absolute)
        *rest = spec(left(until));
    return result;
}

int nanosleep(const struct timespec *time, struct timespec *rest) {
    int result = clock_nanosleep(CLOCK_MONOTONIC, 0, time, rest);
    if (result)
        errno = result;
    return result ? -1 : 0;
}

unsigned sleep(unsigned seconds) {
    struct timespec time = {seconds, 0}, rest = {0, 0};
    return clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &rest) ? rest.tv_sec + (rest.tv_nsec >= SECOND / 2) : 0;
}

int usleep(useconds_t microseconds) {
    struct timespec time = spec(microseconds * 1000LL);
    return nanosleep(&time, NULL);
}

/* -- locks --------------------------------------------------------------------------------------------------- */

REAL(int, sem_clockwait, sem_t *, clockid_t, const struct timespec *)

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *time) {
    FIND(sem_clockwait);
    if (!page || time->tv_nsec < 0 || time->tv_nsec >= SECOND)
        return real_sem_clockwait(semaphore, clock, time);
    int64_t until = monotonic(clock, from_spec(time));
    struct noted before = begin_open(until);
    int result;
    do {
        struct timespec limit = spec(until - offset());
        result = real_sem_clockwait(semaphore, CLOCK_MONOTONIC, &limit);
    } while (result && goes_on(errno, until));
    end_open(before);
    return result;
}

int sem_timedwait(sem_t *semaphore, const struct timespec *time) {
    return sem_clockwait(semaphore, CLOCK_REALTIME, time);
}

REAL(int, pthread_cond_clockwait, pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *)

/* A signal does not end the wait for a condition.  Its handler sets the limit the C library holds to into the past. */
static int awaited(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until) {
    FIND(pthread_cond_clockwait);
    int64_t rest = left(until);
    struct timespec limit = spec(rest > SLICE ? now(CLOCK_MONOTONIC) - offset() + SLICE : until - offset());
    struct timespec *outer = limit_of_condition;
    limit_of_condition = &limit;
    struct noted before = begin_open(until);
    int result = real_pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &limit);
    end_open(before);
    limit_of_condition = outer;
    return result == ETIMEDOUT && left(until) > 0 ? 0 : result; /* POSIX lets a wait for a condition end for nothing */
}

int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *time) {
    FIND(pthread_cond_clockwait);
    if (!page || time->tv_nsec < 0 || time->tv_nsec >= SECOND)
        return real_pthread_cond_clockwait(condition, mutex, clock, time);
    return awaited(condition, mutex, monotonic(clock, from_spec(time)));
}

REAL(int, pthread_cond_timedwait, pthread_cond_t *, pthread_mutex_t *, const struct timespec *)

/* Which clock a condition has stands in its second flag (sysdeps/nptl/bits/thread-shared-types.h: __wrefs). */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *time) {
    FIND(pthread_cond_timedwait);
    if (!page || time->tv_nsec < 0 || time->tv_nsec >= SECOND)
        return real_pthread_cond_timedwait(condition, mutex, time);
    clockid_t clock = condition->__data.__wrefs & 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    return awaited(condition, mutex, monotonic(clock, from_spec(time)));
}

/* -- signals ------------------------------------------------------------------------------------------------- */

static void wake(int number) {
    (void)number;
    woken = 1;
    if (limit_of_condition)
        *limit_of_condition = (struct timespec){0, 0};
}

REAL(int, sigaction, int, const struct sigaction *, struct sigaction *)

int sigaction(int number, const struct sigaction *wanted, struct sigaction *before) {
    FIND(sigaction);
    return real_sigaction(number, page && number == WAKE ? NULL : wanted, before);
}

REAL(sighandler_t, signal, int, sighandler_t)

sighandler_t signal(int number, sighandler_t handler) {
    FIND(signal);
    return page && number == WAKE ? SIG_DFL : real_signal(number, handler);
}

REAL(int, sigtimedwait, const sigset_t *, siginfo_t *, const struct timespec *)

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit) {
    FIND(sigtimedwait);
    if (!page || (limit && ns(limit) == 0))
        return real_sigtimedwait(set, info, limit);
    int64_t until = limit ? added(now(CLOCK_MONOTONIC), from_spec(limit)) : NEVER;
    sigset_t wider = *set;
    sigaddset(&wider, WAKE);
    struct noted before = begin(until);
    int result;
    do {
        struct timespec rest = spec(left(until));
        result = real_sigtimedwait(&wider, info, until == NEVER ? NULL : &rest);
    } while (result == WAKE || (result < 0 && errno == EAGAIN && left(until) > 0));
    end(before);
    return result;
}

/* -- alarms: the lab sends SIGALRM --------------------------------------------------------------------------- */

static int64_t exchange_alarm(int64_t after, int64_t every, int64_t *interval) {
    int64_t due = after ? added(now(CLOCK_MONOTONIC), after) : 0;
    *interval = atomic_exchange(&of_process->every, every);
    int64_t before = atomic_exchange(&of_process->alarm, due);
    return before ? (left(before) ? left(before) : 1000) : 0;
}

REAL(unsigned, alarm, unsigned)

unsigned alarm(unsigned seconds) {
    FIND(alarm);
    if (!page || !of_process)
        return real_alarm(seconds);
    int64_t every, before = exchange_alarm(seconds * SECOND, 0, &every);
    return before ? (unsigned)((before + SECOND / 2) / SECOND + (before < SECOND / 2)) : 0;
}

static struct timeval val(int64_t time) { return (struct timeval){time / SECOND, time % SECOND / 1000}; }

REAL(int, setitimer, __itimer_which_t, const struct itimerval *, struct itimerval *)

int setitimer(__itimer_which_t which, const struct itimerval *restrict value, struct itimerval *restrict before) {
    FIND(setitimer);
    if (!page || !of_process || which != ITIMER_REAL || !value)
        return real_setitimer(which, value, before);
    int64_t every, rest = exchange_alarm(value->it_value.tv_sec * SECOND + value->it_value.tv_usec * 1000LL,
                                         value->it_interval.tv_sec * SECOND + value->it_interval.tv_usec * 1000LL,
                                         &every);
    if (before)
        *before = (struct itimerval){val(every), val(rest)};
    return 0;
}

REAL(int, getitimer, __itimer_which_t, struct itimerval *)

int getitimer(__itimer_which_t which, struct itimerval *value) {
    FIND(getitimer);
    if (!page || !of_process || which != ITIMER_REAL)
        return real_getitimer(which, value);
    int64_t due = atomic_load(&of_process->alarm);
    *value = (struct itimerval){val(atomic_load(&of_process->every)), val(due ? left(due) : 0)};
    return 0;
}

/* Timers that send signals or begin threads are the kernel's. */
REAL(int, timer_settime, timer_t, int, const struct itimerspec *, struct itimerspec *)

int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict value, struct itimerspec *restrict before) {
    FIND(timer_settime);
    struct itimerspec real = *value;
    if (of_process && ns(&value->it_value)) {
        atomic_fetch_or(&of_process->limits, TIMERS);
        if (flags & TIMER_ABSTIME)
            real.it_value = spec(ns(&value->it_value) - offset());
    }
    return real_timer_settime(timer, flags, &real, before);
}

/* -- sockets with time limits of their own: the kernel's, hence real ------------------------------------------- */

REAL(int, setsockopt, int, int, int, const void *, socklen_t)

int setsockopt(int file, int level, int option, const void *value, socklen_t octets) {
    FIND(setsockopt);
    if (of_process && level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO))
        atomic_fetch_or(&of_process->limits, SOCKETS);
    return real_setsockopt(file, level, option, value, octets);
}

/* -- dates to wait until that are passed to the kernel as they are: in its time, and the lab lets that pass ------ */

static const struct timespec *of_machine(const struct timespec *time, struct timespec *real) {
    if (!time || time->tv_nsec < 0 || time->tv_nsec >= SECOND)
        return time; /* the call says what is wrong with it */
    *real = spec(from_spec(time) - offset());
    return real;
}

#define DATED(name, parameters, ...)                                                                                   \
    REAL(int, name, PARAMETERS parameters)                                                                             \
    int name(PARAMETERS parameters) {                                                                                  \
        FIND(name);                                                                                                    \
        struct timespec real;                                                                                          \
        return real_##name(__VA_ARGS__, of_machine(time, &real));                                                      \
    }
#define PARAMETERS(...) __VA_ARGS__

DATED(pthread_mutex_timedlock, (pthread_mutex_t *restrict lock, const struct timespec *restrict time), lock)
DATED(pthread_mutex_clocklock, (pthread_mutex_t *restrict lock, clockid_t clock, const struct timespec *restrict time),
      lock, clock)
DATED(pthread_rwlock_timedrdlock, (pthread_rwlock_t *restrict lock, const struct timespec *restrict time), lock)
DATED(pthread_rwlock_timedwrlock, (pthread_rwlock_t *restrict lock, const struct timespec *restrict time), lock)
DATED(pthread_rwlock_clockrdlock,
      (pthread_rwlock_t *restrict lock, clockid_t clock, const struct timespec *restrict time), lock, clock)
DATED(pthread_rwlock_clockwrlock,
      (pthread_rwlock_t *restrict lock, clockid_t clock, const struct timespec *restrict time), lock, clock)
DATED(pthread_timedjoin_np, (pthread_t thread, void **result, const struct timespec *time), thread, result)
DATED(pthread_clockjoin_np, (pthread_t thread, void **result, clockid_t clock, const struct timespec *time), thread,
      result, clock)
DATED(mtx_timedlock, (mtx_t *restrict lock, const struct timespec *restrict time), lock)
DATED(cnd_timedwait, (cnd_t *restrict condition, mtx_t *restrict lock, const struct timespec *restrict time), condition,
      lock)

int thrd_sleep(const struct timespec *time, struct timespec *rest) {
    int result = clock_nanosleep(CLOCK_REALTIME, 0, time, rest);
    return result ? (result == EINTR ? -1 : -2) : 0;
}

/* -- the times of files ---------------------------------------------------------------------------------------
 * The kernel stamps them in real time, to the tick: shown is the lab's time at that tick.  What a program has set is
 * shown as it was set, and remembered for that. */

static int64_t history(int64_t stamp) {
    uint32_t low = 0, high = atomic_load_explicit(&page->jumps, memory_order_acquire);
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (page->history[middle].at <= stamp)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? page->history[low - 1].offset : 0;
}

static struct set_time *place(uint64_t device, uint64_t inode) {
    uint64_t mixed = (inode * 0x9e3779b97f4a7c15ULL) ^ (device * 0xc2b2ae3d27d4eb4fULL);
    return &page->set[(mixed >> 32) % SET_TIMES];
}

static void lock(struct set_time *entry) {
    uint32_t open = 0;
    while (!atomic_compare_exchange_weak(&entry->lock, &open, 1))
        open = 0;
}

static int same(struct timespec a, struct timespec b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

static struct timespec shown(struct timespec stamp, const struct timespec *set) {
    struct timespec real;
    FIND(clock_gettime);
    real_clock_gettime(CLOCK_REALTIME, &real);
    if ((set && same(*set, stamp)) || ns(&stamp) > ns(&real))
        return stamp;
    return spec(ns(&stamp) + history(ns(&stamp)));
}

static void show(uint64_t device, uint64_t inode, struct timespec *access, struct timespec *change,
                 struct timespec *status) {
    struct set_time *entry = place(device, inode);
    lock(entry);
    int known = entry->device == device && entry->inode == inode;
    struct timespec set_access = entry->access, set_change = entry->change;
    atomic_store(&entry->lock, 0);
    *access = shown(*access, known ? &set_access : NULL);
    *change = shown(*change, known ? &set_change : NULL);
    *status = shown(*status, NULL);
}

static void show_stat(struct stat *found) {
    if (page && offset())
        show(found->st_dev, found->st_ino, &found->st_atim, &found->st_mtim, &found->st_ctim);
}

static void show_statx(struct statx *found) {
    if (!page || !offset())
        return;
    struct statx_timestamp *stamps[] = {&found->stx_atime, &found->stx_mtime, &found->stx_ctime, &found->stx_btime};
    struct timespec times[4];
    for (int i = 0; i < 4; i++)
        times[i] = (struct timespec){stamps[i]->tv_sec, stamps[i]->tv_nsec};
    dev_t device = makedev(found->stx_dev_major, found->stx_dev_minor);
    show(device, found->stx_ino, &times[0], &times[1], &times[2]);
    times[3] = shown(times[3], NULL);
    for (int i = 0; i < 4; i++) {
        stamps[i]->tv_sec = times[i].tv_sec;
        stamps[i]->tv_nsec = (uint32_t)times[i].tv_nsec;
    }
}

#define STAT(name, parameters, ...)                                                                                    \
    REAL(int, name, PARAMETERS parameters)                                                                             \
    int name(PARAMETERS parameters) {                                                                                  \
        FIND(name);                                                                                                    \
        int result = real_##name(__VA_ARGS__);                                                                         \
        if (result == 0)                                                                                               \
            show_stat((struct stat *)found);                                                                           \
        return result;                                                                                                 \
    }

STAT(stat, (const char *restrict path, struct stat *restrict found), path, found)
STAT(lstat, (const char *restrict path, struct stat *restrict found), path, found)
STAT(fstat, (int file, struct stat *found), file, found)
STAT(fstatat, (int file, const char *restrict path, struct stat *restrict found, int flags), file, path, found, flags)
STAT(stat64, (const char *restrict path, struct stat64 *restrict found), path, found)
STAT(lstat64, (const char *restrict path, struct stat64 *restrict found), path, found)
STAT(fstat64, (int file, struct stat64 *found), file, found)
STAT(fstatat64, (int file, const char *restrict path, struct stat64 *restrict found, int flags), file, path, found, flags)
STAT(__xstat, (int version, const char *path, struct stat *found), version, path, found)
STAT(__lxstat, (int version, const char *path, struct stat *found), version, path, found)
STAT(__fxstat, (int version, int file, struct stat *found), version, file, found)
STAT(__xstat64, (int version, const char *path, struct stat64 *found), version, path, found)
STAT(__lxstat64, (int version, const char *path, struct stat64 *found), version, path, found)
STAT(__fxstat64, (int version, int file, struct stat64 *found), version, file, found)

REAL(int, statx, int, const char *restrict, int, unsigned, struct statx *restrict)

int statx(int file, const char *restrict path, int flags, unsigned mask, struct statx *restrict found) {
    FIND(statx);
    int result = real_statx(file, path, flags, mask | STATX_INO, found);
    if (result == 0)
        show_statx(found);
    return result;
}

static int explicit(const struct timespec *time) { return time->tv_nsec != UTIME_NOW && time->tv_nsec != UTIME_OMIT; }

static void remember(int file, const char *path, int flags, const struct timespec *times) {
    struct stat found;
    FIND(fstat);
    FIND(fstatat);
    int kept = errno;
    if (page && times && (path ? real_fstatat(file, path, &found, flags) : real_fstat(file, &found)) == 0) {
        struct set_time *entry = place(found.st_dev, found.st_ino);
        lock(entry);
        if (entry->device != found.st_dev || entry->inode != found.st_ino)
            entry->access = entry->change = (struct timespec){-1, -1};
        entry->device = found.st_dev;
        entry->inode = found.st_ino;
        if (explicit(&times[0]))
            entry->access = found.st_atim;
        if (explicit(&times[1]))
            entry->change = found.st_mtim;
        atomic_store(&entry->lock, 0);
    }
    errno = kept;
}

REAL(int, utimensat, int, const char *, const struct timespec *, int)

int utimensat(int file, const char *path, const struct timespec times[2], int flags) {
    FIND(utimensat);
    int result = real_utimensat(file, path, times, flags);
    if (result == 0)
        remember(file, path, flags, times);
    return result;
}

REAL(int, futimens, int, const struct timespec *)

int futimens(int file, const struct timespec times[2]) {
    FIND(futimens);
    int result = real_futimens(file, times);
    if (result == 0)
        remember(file, NULL, 0, times);
    return result;
}

static const struct timespec *specs(const struct timeval *times, struct timespec *room) {
    for (int i = 0; times && i < 2; i++)
        room[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
    return times ? room : NULL;
}

int utimes(const char *path, const struct timeval times[2]) {
    struct timespec room[2];
    return utimensat(AT_FDCWD, path, specs(times, room), 0);
}

int lutimes(const char *path, const struct timeval times[2]) {
    struct timespec room[2];
    return utimensat(AT_FDCWD, path, specs(times, room), AT_SYMLINK_NOFOLLOW);
}

int futimesat(int file, const char *path, const struct timeval times[2]) {
    struct timespec room[2];
    return path ? utimensat(file, path, specs(times, room), 0) : futimens(file, specs(times, room));
}

int futimes(int file, const struct timeval times[2]) {
    struct timespec room[2];
    return futimens(file, specs(times, room));
}

int utime(const char *path, const struct utimbuf *times) {
    struct timespec room[2];
    if (times) {
        room[0] = (struct timespec){times->actime, 0};
        room[1] = (struct timespec){times->modtime, 0};
    }
    return utimensat(AT_FDCWD, path, times ? room : NULL, 0);
}

/* -- system calls by number ------------------------------------------------------------------------------------ */

REAL(long, syscall, long, ...)

static long waited_for_futex(const long *given, int operation) {
    int command = operation & FUTEX_CMD_MASK, absolute = command == FUTEX_WAIT_BITSET;
    clockid_t clock = operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    int64_t time = from_spec((const struct timespec *)given[3]);
    int64_t until = absolute ? monotonic(clock, time) : added(now(CLOCK_MONOTONIC), time);
    struct noted before = begin_open(until);
    long result;
    do {
        struct timespec limit = spec(until == NEVER ? NEVER : until - offset());
        result = real_syscall(SYS_futex, given[0], FUTEX_WAIT_BITSET | (operation & FUTEX_PRIVATE_FLAG), given[2], &limit,
                              NULL, absolute ? given[5] : (long)FUTEX_BITSET_MATCH_ANY);
    } while (result && goes_on(errno, until));
    end_open(before);
    return result;
}

long syscall(long number, ...) {
    long given[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(rest, long);
    va_end(rest);
    FIND(syscall);
    if (page && number == SYS_futex && given[3]) {
        int command = (int)given[1] & FUTEX_CMD_MASK;
        if (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET)
            return waited_for_futex(given, (int)given[1]);
    }
    if (page && number == SYS_clock_gettime)
        return clock_gettime((clockid_t)given[0], (struct timespec *)given[1]);
    long result = real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
    if (number == SYS_statx && result == 0)
        show_statx((struct statx *)given[4]);
    return result;
}

/* -- what the lab asks: whether all of its programs rest ----------------------------------------------------------- */

/* A thread as the lab knows it, by its numbers outside.  Layout: looks.py. */
struct watched {
    int32_t process, number;
    int32_t thread; /* its number inside, with its start: whose slot is its */
    uint32_t start;
    int32_t stat, schedstat, syscall; /* files of the kernel's about it; -1 where the lab may not read one */
    uint32_t keeps;                   /* it keeps a program, and waits for no time */
    uint32_t slot;                    /* where its slot was last */
    uint32_t gone;
    uint64_t mark; /* another one after it has run */
};

enum { AWAKE = -1, REAL_TIME = -2 };

static struct slot *slot_of(struct page *from, struct watched *one) {
    uint32_t used = atomic_load(&from->used), i = one->slot;
    for (uint32_t n = 0; n <= used && n <= SLOTS; i = n++) {
        struct slot *slot = &from->slot[i];
        if (i < SLOTS && atomic_load(&slot->thread) == one->thread && atomic_load(&slot->start) == one->start &&
            atomic_load(&slot->taken)) {
            one->slot = i;
            return slot;
        }
    }
    return NULL;
}

static int waits(struct slot *slot) { return slot && atomic_load(&slot->state) == WAITS; }

static int look(int file, char *text, size_t size) {
    errno = 0;
    ssize_t length = file < 0 ? -1 : pread(file, text, size - 1, 0);
    text[length > 0 ? length : 0] = 0;
    return length > 0;
}

/* A noted wait is known by its number, all else by how often and how long the thread has run (proc(5), schedstat). */
static uint64_t mark_of(struct page *from, struct watched *one) {
    char text[128];
    struct slot *slot = slot_of(from, one);
    if (waits(slot))
        return (uint64_t)atomic_load(&slot->waits) << 1 | 1;
    uint64_t mark = 14695981039346656037u; /* FNV-1a */
    look(one->schedstat, text, sizeof text);
    for (char *at = text; *at; at++)
        mark = (mark ^ (unsigned char)*at) * 1099511628211u;
    return mark << 1;
}

/* The system call it sleeps in and its arguments; 0 where the kernel does not tell, AWAKE while it runs. */
static int call_of(struct watched *one, long *number, unsigned long argument[6]) {
    char text[256];
    if (!look(one->syscall, text, sizeof text))
        return 0;
    if (strncmp(text, "running", 7) == 0)
        return AWAKE;
    return sscanf(text, "%ld %lx %lx %lx %lx %lx %lx", number, argument, argument + 1, argument + 2, argument + 3,
                  argument + 4, argument + 5) > 0;
}

/* Whether it sleeps.  Who reaps a child is said to, although it works; who ends may, until others have ended. */
static int sleeps(struct watched *one) {
    char text[512];
    unsigned long argument[6], flags = 0;
    long number;
    one->gone = !look(one->stat, text, sizeof text) && errno == ESRCH;
    const char *end = strrchr(text, ')');
    if (!end || end[1] != ' ')
        return one->gone; /* of one that the kernel does not show, nobody can tell */
    char state = end[2];
    sscanf(end + 3, "%*d %*d %*d %*d %*d %lu", &flags);
    one->gone = state == 'Z' || state == 'X' || state == 'x';
    if (one->gone)
        return 1;
    return (state == 'S' || state == 'T') && !(flags & PF_EXITING) && call_of(one, &number, argument) != AWAKE;
}

/* Whether the call it sleeps in may end because time passes; so it may when nobody can tell. */
static int time_ends_its_call(struct watched *one, int sockets_too) {
    unsigned long argument[6] = {0};
    long number;
    if (call_of(one, &number, argument) != 1)
        return 1;
    switch (number) {
    case SYS_futex:
        switch (argument[1] & FUTEX_CMD_MASK) {
        case FUTEX_WAIT:
        case FUTEX_LOCK_PI:
        case FUTEX_WAIT_BITSET:
        case FUTEX_WAIT_REQUEUE_PI:
        case FUTEX_LOCK_PI2:
            return argument[3] != 0;
        }
        return 0;
    case SYS_clock_nanosleep:
    case SYS_nanosleep:
    case SYS_restart_syscall:
    case SYS_io_uring_enter:
        return 1;
    case SYS_ppoll:
    case SYS_rt_sigtimedwait:
        return argument[2] != 0;
    case SYS_semtimedop:
    case SYS_epoll_pwait2:
        return argument[3] != 0;
    case SYS_pselect6:
    case SYS_io_getevents:
    case SYS_mq_timedsend:
    case SYS_mq_timedreceive:
    case SYS_recvmmsg:
        return argument[4] != 0;
    case SYS_epoll_pwait:
        return (int)argument[3] >= 0;
#ifdef SYS_poll
    case SYS_poll:
        return (int)argument[2] >= 0;
    case SYS_select:
        return argument[4] != 0;
    case SYS_epoll_wait:
        return (int)argument[3] >= 0;
#endif
    case SYS_read: /* these end at the time limit of a socket (SO_RCVTIMEO, SO_SNDTIMEO; socket(7)) */
    case SYS_readv:
    case SYS_write:
    case SYS_writev:
    case SYS_accept:
    case SYS_accept4:
    case SYS_connect:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_recvfrom:
    case SYS_recvmsg:
        return sockets_too;
    }
    return 0;
}

static uint32_t limits_of(struct page *from, struct watched *all, int count, int32_t process) {
    uint32_t limits = 0;
    for (int i = 0; i < count; i++) {
        struct slot *slot = all[i].process == process ? slot_of(from, &all[i]) : NULL;
        limits |= slot ? atomic_load(&slot->limits) : 0;
    }
    return limits;
}

/* Which have run since they were looked at last: for each 1 or 0 into ran.  Gives how many. */
int testbed_ran(struct page *from, struct watched *all, int count, uint8_t *ran) {
    int sum = 0;
    for (int i = 0; i < count; i++) {
        uint64_t mark = mark_of(from, &all[i]);
        sum += ran[i] = mark != all[i].mark;
        all[i].mark = mark;
    }
    return sum;
}

/* When the earliest wait ends, if all sleep that are not gone; AWAKE, or REAL_TIME where only that may end a wait. */
int64_t testbed_rest(struct page *from, struct watched *all, int count, int *awake) {
    int64_t earliest = NEVER;
    for (int i = 0; i < count; i++) {
        int one = (i + *awake) % count; /* who was awake the last time is looked at first */
        if (!sleeps(&all[one])) {
            *awake = one;
            return AWAKE;
        }
    }
    for (int i = 0; i < count; i++) {
        struct slot *slot = slot_of(from, &all[i]);
        uint32_t limits = slot ? atomic_load(&slot->limits) : 0;
        if (limits & TIMERS)
            return REAL_TIME;
        if (!waits(slot) && !all[i].gone && all[i].schedstat < 0)
            return REAL_TIME; /* it may have run since, unseen */
        if (!waits(slot) && !all[i].keeps && !all[i].gone) {
            uint32_t of_all = limits_of(from, all, count, all[i].process);
            if (time_ends_its_call(&all[i], of_all != 0))
                return REAL_TIME;
        }
    }
    for (int i = 0; i < count; i++) {
        if (mark_of(from, &all[i]) != all[i].mark)
            return AWAKE;
        struct slot *slot = slot_of(from, &all[i]);
        if (waits(slot) && atomic_load(&slot->until) < earliest)
            earliest = atomic_load(&slot->until);
        if (slot && atomic_load(&slot->alarm) && atomic_load(&slot->alarm) < earliest)
            earliest = atomic_load(&slot->alarm);
    }
    return earliest;
}

/* Wake those whose wait is over on the lab's clock. */
void testbed_wake(struct page *from, struct watched *all, int count, int64_t time) {
    for (int i = 0; i < count; i++) {
        struct slot *slot = slot_of(from, &all[i]);
        if (waits(slot) && atomic_load(&slot->until) <= time)
            tgkill(all[i].process, all[i].number, WAKE);
    }
}

/* Whether an alarm is due. */
int testbed_alarm_is_due(struct page *from, int64_t time) {
    uint32_t used = atomic_load(&from->used);
    for (uint32_t i = 0; i < used && i < SLOTS; i++) {
        int64_t alarm = atomic_load(&from->slot[i].taken) ? atomic_load(&from->slot[i].alarm) : 0;
        if (alarm && alarm <= time)
            return 1;
    }
    return 0;
}

/* -- the beginning ----------------------------------------------------------------------------------------------- */

/* A child inherits sockets, but neither alarms nor timers (alarm(2), timer_create(2)). */
static void forked(void) {
    uint32_t limits = of_process ? atomic_load(&of_process->limits) : 0;
    own = NULL;
    of_process = slot();
    if (of_process) {
        atomic_store(&of_process->alarm, 0);
        atomic_store(&of_process->limits, limits & SOCKETS);
    }
}

/* The page lies beside this library, in a folder with the number of the start for its name.  It is mapped before a
 * program enters a chroot or becomes another user. */
__attribute__((constructor)) static void load(void) {
    Dl_info here;
    char path[PATH_MAX];
    struct stat found;
    if (!dladdr((void *)&load, &here) || !here.dli_fname)
        return;
    const char *slash = strrchr(here.dli_fname, '/');
    int length = slash ? (int)(slash - here.dli_fname) : 0;
    if (snprintf(path, sizeof path, "%.*s/page", length, here.dli_fname) >= (int)sizeof path)
        return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return;
    struct page *mapped = MAP_FAILED;
    FIND(fstat);
    if (real_fstat(file, &found) == 0 && found.st_size == sizeof *page)
        mapped = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED)
        return;
    if (mapped->magic != MAGIC || mapped->slots != SLOTS) {
        munmap(mapped, sizeof *page);
        return;
    }
    while (length > 0 && path[length - 1] != '/')
        length--;
    start = (uint32_t)strtoul(path + length, NULL, 10);
    struct sigaction action = {.sa_handler = wake, .sa_flags = SA_RESTART};
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, WAKE);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    FIND(sigaction);
    real_sigaction(WAKE, &action, NULL);
    page = mapped;
    of_process = slot();
    pthread_atfork(NULL, NULL, forked);
}
