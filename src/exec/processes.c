#include "exec/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define PATIENCE_SECONDS 5.0
#define OUTPUT_MOST ((size_t)1 << 20)

struct slot {
    pid_t pid; /* 0: free */
    size_t task;
};

static void nap(void)
{
    const struct timespec pause = {.tv_nsec = 500000};

    nanosleep(&pause, NULL);
}

/* In the child: a group of its own that ends with its parent, and where its output goes. */
static void settle(int out, int err_fd, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it died before we asked to be told */
        _exit(143);
    dup2(out, STDOUT_FILENO);
    dup2(err_fd, STDERR_FILENO);
}

/* Starts task i in one of `slots`, of which the child has no use. */
static enum sofa_code start(const struct sofa_processes *p, size_t i, struct slot *slots, pid_t *pid, struct sofa_err *err)
{
    const char *log = NULL;
    pid_t parent = getpid();
    enum sofa_code rc;
    int fd, status;

    SOFA_TRY(p->prepare(p->ctx, i, &log, err));
    log = log ? log : "/dev/null";
    fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return sofa_fail_errno(err, "create", log);
    fflush(NULL); /* or both would write what is buffered */
    *pid = fork();
    if (*pid == 0) {
        settle(fd, fd, parent);
        free(slots);
        status = p->run(p->ctx, i);
        fflush(NULL);
        _exit(status);
    }
    close(fd);
    if (*pid < 0) {
        *pid = 0;
        rc = sofa_fail(err, SOFA_E_IO, "cannot start a process: %s", strerror(errno));
    }
out:
    return rc;
}

static int status_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Takes note of those that ended; how many did. */
static size_t reap(const struct sofa_processes *p, struct slot *slot)
{
    size_t ended = 0;

    for (size_t i = 0; i < p->at_once; i++) {
        int status;

        if (!slot[i].pid || waitpid(slot[i].pid, &status, WNOHANG) != slot[i].pid)
            continue;
        slot[i].pid = 0;
        p->done(p->ctx, slot[i].task, status_of(status));
        ended++;
    }
    return ended;
}

static void signal_all(const struct sofa_processes *p, const struct slot *slot, int signal_number)
{
    for (size_t i = 0; i < p->at_once; i++)
        if (slot[i].pid)
            kill(slot[i].pid, signal_number);
}

static size_t running(const struct sofa_processes *p, const struct slot *slot)
{
    size_t n = 0;

    for (size_t i = 0; i < p->at_once; i++)
        n += slot[i].pid != 0;
    return n;
}

/* Asks those that run to end, and makes sure that they do. */
static void end_all(const struct sofa_processes *p, struct slot *slot)
{
    double until = sofa_seconds() + PATIENCE_SECONDS;
    bool killed = false;

    signal_all(p, slot, SIGTERM);
    while (running(p, slot)) {
        if (!reap(p, slot))
            nap();
        if (!killed && sofa_seconds() > until) {
            signal_all(p, slot, SIGKILL);
            killed = true;
        }
    }
}

static enum sofa_code fill(const struct sofa_processes *p, struct slot *slot, size_t *next, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    for (size_t i = 0; i < p->at_once && *next < p->count; i++) {
        if (slot[i].pid)
            continue;
        SOFA_TRY(start(p, *next, slot, &slot[i].pid, err));
        slot[i].task = (*next)++;
    }
out:
    return rc;
}

enum sofa_code sofa_processes_run(const struct sofa_processes *processes, struct sofa_err *err)
{
    struct slot *slot = calloc(processes->at_once, sizeof *slot);
    enum sofa_code rc = SOFA_OK;
    size_t next = 0;

    if (!slot)
        return sofa_fail_nomem(err, "processes");
    while (next < processes->count || running(processes, slot)) {
        if (processes->cancel && atomic_load(processes->cancel)) {
            rc = sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal");
            break;
        }
        SOFA_TRY(fill(processes, slot, &next, err));
        if (!reap(processes, slot))
            nap();
    }
out:
    end_all(processes, slot);
    free(slot);
    return rc;
}

/* Both streams to their ends. */
static enum sofa_code read_streams(int fd[2], struct sofa_str text[2], struct sofa_err *err)
{
    struct pollfd p[2] = {{.fd = fd[0], .events = POLLIN}, {.fd = fd[1], .events = POLLIN}};
    char bytes[4096];

    while (p[0].fd >= 0 || p[1].fd >= 0) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return sofa_fail_errno(err, "read", "a pipe");
        for (int i = 0; i < 2; i++) {
            ssize_t n;

            if (p[i].fd < 0 || !p[i].revents)
                continue;
            n = read(p[i].fd, bytes, sizeof bytes);
            if (n <= 0 && !(n < 0 && errno == EINTR))
                p[i].fd = -1;
            else if (n > 0 && text[i].length < OUTPUT_MOST)
                sofa_str_add_bytes(&text[i], bytes, (size_t)n);
        }
    }
    return text[0].failed ? sofa_fail_nomem(err, "an output") : SOFA_OK;
}

static const char *last_line(struct sofa_str *text)
{
    char *at;

    while (text->length && text->text[text->length - 1] == '\n')
        text->text[--text->length] = '\0';
    at = strrchr(text->text, '\n');
    return at ? at + 1 : text->text;
}

enum sofa_code sofa_process_output(char *const *argv, char **output, struct sofa_err *err)
{
    struct sofa_str text[2] = {SOFA_STR_INIT, SOFA_STR_INIT};
    int out[2] = {-1, -1}, errors[2] = {-1, -1}, status = 0;
    enum sofa_code rc;
    pid_t pid, parent = getpid();

    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
        rc = sofa_fail_errno(err, "start", argv[0]);
        goto out;
    }
    if (pid == 0) {
        settle(out[1], errors[1], parent);
        signal(SIGPIPE, SIG_DFL);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(out[1]);
    close(errors[1]);
    out[1] = errors[1] = -1;
    rc = read_streams((int[2]){out[0], errors[0]}, text, err);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (rc == SOFA_OK && status_of(status) != 0)
        rc = sofa_fail(err, SOFA_E_IO, "%s ended with status %d: %s", argv[0], status_of(status), last_line(&text[1]));
    if (rc == SOFA_OK && !(*output = sofa_format("%s", text[0].text)))
        rc = sofa_fail_nomem(err, "an output");
out:
    for (int i = 0; i < 2; i++) {
        if (out[i] >= 0)
            close(out[i]);
        if (errors[i] >= 0)
            close(errors[i]);
        sofa_str_release(&text[i]);
    }
    return rc;
}
