#include "base/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define OUTPUT_MOST ((size_t)1 << 20)

/* In the child: only calls that are safe between fork and exec. */
static void become(char *const *argv, const char *folder, int out)
{
    int nothing = open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
        dup2(out, STDERR_FILENO) >= 0 && chdir(folder) == 0)
        execv(argv[0], argv);
    _exit(127);
}

/* Its output to the end, or until time is up. */
static enum sofa_code listen_to(int fd, const char *name, double timeout_s, struct sofa_str *output, struct sofa_err *err)
{
    double until = sofa_seconds() + timeout_s;
    char bytes[4096];

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        double left = until - sofa_seconds();
        ssize_t n;

        if (left <= 0)
            return sofa_fail(err, SOFA_E_EVAL, "%s took longer than %g s", name, timeout_s);
        if (poll(&p, 1, left > 1 ? 1000 : (int)(left * 1000) + 1) < 0)
            return errno == EINTR ? sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal while %s ran", name)
                                  : sofa_fail_errno(err, "read", name);
        if (!p.revents)
            continue;
        n = read(fd, bytes, sizeof bytes);
        if (n == 0)
            return output->failed ? sofa_fail_nomem(err, "an output") : SOFA_OK;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return sofa_fail_errno(err, "read", name);
        if (n > 0 && output->length + (size_t)n <= OUTPUT_MOST)
            sofa_str_add_bytes(output, bytes, (size_t)n);
    }
}

/* Its end, which comes soon after that of its output; false when time is up. */
static bool reap(pid_t pid, double timeout_s, int *ended)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    double until = sofa_seconds() + timeout_s;

    while (sofa_seconds() < until) {
        if (waitpid(pid, ended, WNOHANG) == pid)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

enum sofa_code sofa_run(char *const *argv, const char *folder, double timeout_s, struct sofa_str *output, int *status,
                        struct sofa_err *err)
{
    enum sofa_code rc;
    int fd[2], ended = 0;
    pid_t pid;

    if (pipe2(fd, O_CLOEXEC) != 0)
        return sofa_fail_errno(err, "start", argv[0]);
    pid = fork();
    if (pid == 0)
        become(argv, folder, fd[1]);
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        return sofa_fail_errno(err, "start", argv[0]);
    }
    setpgid(pid, pid); /* whoever comes first; fails once it runs */
    rc = listen_to(fd[0], argv[0], timeout_s, output, err);
    close(fd[0]);
    if (rc == SOFA_OK && !reap(pid, timeout_s, &ended))
        rc = sofa_fail(err, SOFA_E_EVAL, "%s took longer than %g s", argv[0], timeout_s);
    if (rc != SOFA_OK) {
        kill(-pid, SIGKILL);
        while (waitpid(pid, &ended, 0) < 0 && errno == EINTR)
            ;
    }
    *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
    return rc;
}
