#include "exec/child.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define REPLY_MAX ((size_t)16 << 20) /* bytes of one answer */
#define LAST_WORDS 256               /* bytes of standard error kept */
#define LOOK_MS 100                  /* how often the cancel flag is looked at */
#define PARTING_MS 200               /* a child may take this long to end by itself */

enum { CHILD_IN, CHILD_OUT, CHILD_ERR, CHILD_PIPES };

struct sofa_child {
    char *const *argv;
    double timeout_s;
    pid_t pid;                  /* 0: not running */
    int fd[CHILD_PIPES];        /* our ends */
    struct sofa_str ahead;      /* what came behind the last answer's end */
    char words[LAST_WORDS + 1]; /* the last line of standard error */
    size_t n_words;
};

extern char **environ;

enum sofa_code sofa_child_new(char *const *argv, double timeout_s, struct sofa_child **child, struct sofa_err *err)
{
    struct sofa_child *c = calloc(1, sizeof *c);

    if (!c)
        return sofa_fail_nomem(err, argv[0]);
    c->argv = argv;
    c->timeout_s = timeout_s;
    c->ahead = (struct sofa_str)SOFA_STR_INIT;
    for (int i = 0; i < CHILD_PIPES; i++)
        c->fd[i] = -1;
    *child = c;
    return SOFA_OK;
}

static void close_pipes(struct sofa_child *c)
{
    for (int i = 0; i < CHILD_PIPES; i++) {
        if (c->fd[i] >= 0)
            close(c->fd[i]);
        c->fd[i] = -1;
    }
}

/* Ends the process and all it started; *status as waitpid has it. */
static void end(struct sofa_child *c, bool kindly, int *status)
{
    *status = 0;
    close_pipes(c);
    if (c->pid > 0) {
        for (int waited = 0; kindly && waited < PARTING_MS; waited += 10) {
            if (waitpid(c->pid, status, WNOHANG) == c->pid) {
                kill(-c->pid, SIGKILL);
                c->pid = 0;
                break;
            }
            poll(NULL, 0, 10);
        }
        if (c->pid > 0) {
            kill(-c->pid, SIGKILL);
            while (waitpid(c->pid, status, 0) < 0 && errno == EINTR)
                ;
        }
    }
    c->pid = 0;
    sofa_str_clear(&c->ahead);
}

void sofa_child_restart(struct sofa_child *child)
{
    int status;

    end(child, false, &status);
}

void sofa_child_free(struct sofa_child *child)
{
    int status;

    if (!child)
        return;
    end(child, true, &status);
    sofa_str_release(&child->ahead);
    free(child);
}

/* Signals as a program expects them: none blocked, none ignored; a group of its own. */
static bool set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    return posix_spawnattr_setsigmask(attributes, &none) == 0 && posix_spawnattr_setsigdefault(attributes, &defaults) == 0 &&
           posix_spawnattr_setpgroup(attributes, 0) == 0 &&
           posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) == 0;
}

static int spawn(struct sofa_child *c, const int theirs[CHILD_PIPES])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = ENOMEM;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) == 0) {
        if (set_attributes(&attributes) && posix_spawn_file_actions_adddup2(&actions, theirs[CHILD_IN], 0) == 0 &&
            posix_spawn_file_actions_adddup2(&actions, theirs[CHILD_OUT], 1) == 0 &&
            posix_spawn_file_actions_adddup2(&actions, theirs[CHILD_ERR], 2) == 0)
            failed = posix_spawnp(&c->pid, c->argv[0], &actions, &attributes, c->argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static enum sofa_code start(struct sofa_child *c, struct sofa_err *err)
{
    int theirs[CHILD_PIPES] = {-1, -1, -1}, pair[2], failed = 0;

    for (int i = 0; i < CHILD_PIPES && !failed; i++) {
        failed = pipe2(pair, O_CLOEXEC) != 0 ? errno : 0;
        if (failed)
            break;
        theirs[i] = pair[i != CHILD_IN];
        c->fd[i] = pair[i == CHILD_IN];
        fcntl(c->fd[i], F_SETFL, O_NONBLOCK);
    }
    if (!failed)
        failed = spawn(c, theirs);
    for (int i = 0; i < CHILD_PIPES; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    c->n_words = 0;
    c->words[0] = '\0';
    if (!failed)
        return SOFA_OK;
    c->pid = 0;
    close_pipes(c);
    return sofa_fail(err, SOFA_E_EVAL, "cannot start %s: %s", c->argv[0], strerror(failed));
}

/* Keeps the last line that isn't empty. */
static void note_words(struct sofa_child *c, const char *bytes, ssize_t n)
{
    for (ssize_t i = 0; i < n; i++) {
        if (c->n_words && c->words[c->n_words - 1] == '\n')
            c->n_words = 0;
        if (bytes[i] == '\n' && !c->n_words)
            continue;
        if (c->n_words < LAST_WORDS)
            c->words[c->n_words++] = bytes[i];
        else if (bytes[i] == '\n')
            c->words[LAST_WORDS - 1] = '\n';
    }
    c->words[c->n_words] = '\0';
}

/* Reads what is there; false at the end of the stream. */
static bool drain(struct sofa_child *c, int which)
{
    char bytes[65536];
    ssize_t n = read(c->fd[which], bytes, sizeof bytes);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    if (which == CHILD_ERR)
        note_words(c, bytes, n);
    else
        sofa_str_add_bytes(&c->ahead, bytes, (size_t)n);
    return true;
}

static enum sofa_code fail_crashed(struct sofa_child *c, struct sofa_err *err)
{
    int status;

    while (c->fd[CHILD_ERR] >= 0 && drain(c, CHILD_ERR)) {
        struct pollfd p = {c->fd[CHILD_ERR], POLLIN, 0};

        if (poll(&p, 1, LOOK_MS) <= 0)
            break;
    }
    end(c, true, &status);
    c->words[strcspn(c->words, "\n")] = '\0';
    if (WIFSIGNALED(status))
        sofa_fail(err, SOFA_E_EVAL, "%s was ended by signal %d before it answered", c->argv[0], WTERMSIG(status));
    else
        sofa_fail(err, SOFA_E_EVAL, "%s ended with status %d before it answered", c->argv[0], WEXITSTATUS(status));
    if (c->words[0])
        sofa_err_append(err, "; its last words: %s", c->words);
    return SOFA_E_EVAL;
}

/* Takes the first whole line out of what came. */
static bool take_line(struct sofa_child *c, struct sofa_str *reply)
{
    char *end_of_line = memchr(c->ahead.text, '\n', c->ahead.length);
    struct sofa_str rest = SOFA_STR_INIT;
    size_t n;

    if (!end_of_line)
        return false;
    n = (size_t)(end_of_line - c->ahead.text);
    sofa_str_clear(reply);
    sofa_str_add_bytes(reply, c->ahead.text, n);
    sofa_str_add_bytes(&rest, c->ahead.text + n + 1, c->ahead.length - n - 1);
    sofa_str_release(&c->ahead);
    c->ahead = rest;
    return true;
}

/* One round of reading and writing, for at most LOOK_MS; false once the child has closed its output. */
static bool exchange(struct sofa_child *c, const char *text, size_t size, size_t *sent)
{
    struct pollfd p[CHILD_PIPES] = {{*sent < size ? c->fd[CHILD_IN] : -1, POLLOUT, 0},
                                    {c->fd[CHILD_OUT], POLLIN, 0},
                                    {c->fd[CHILD_ERR], POLLIN, 0}};
    bool alive = true;
    ssize_t n;

    if (poll(p, CHILD_PIPES, LOOK_MS) <= 0)
        return true;
    if (p[CHILD_IN].revents & (POLLOUT | POLLERR)) {
        n = write(c->fd[CHILD_IN], text + *sent, size - *sent);
        *sent += n > 0 ? (size_t)n : 0;
        alive = n >= 0 || errno == EAGAIN || errno == EINTR;
    }
    if (p[CHILD_ERR].revents && !drain(c, CHILD_ERR)) {
        close(c->fd[CHILD_ERR]);
        c->fd[CHILD_ERR] = -1;
    }
    if (p[CHILD_OUT].revents)
        alive = drain(c, CHILD_OUT) && alive;
    return alive;
}

static enum sofa_code converse(struct sofa_child *c, const struct sofa_str *question, const atomic_bool *cancel,
                               struct sofa_str *reply, struct sofa_err *err)
{
    double deadline = sofa_seconds() + c->timeout_s;
    size_t sent = 0;

    for (;;) {
        bool alive = exchange(c, question->text, question->length, &sent);

        if (take_line(c, reply))
            return reply->failed ? sofa_fail_nomem(err, "an answer") : SOFA_OK;
        if (!alive)
            return fail_crashed(c, err);
        if (cancel && atomic_load(cancel)) {
            sofa_child_restart(c);
            return sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal");
        }
        if (sofa_seconds() >= deadline) {
            sofa_child_restart(c);
            return sofa_fail(err, SOFA_E_EVAL, "%s did not answer within %g s", c->argv[0], c->timeout_s);
        }
        if (c->ahead.length > REPLY_MAX) {
            sofa_child_restart(c);
            return sofa_fail(err, SOFA_E_EVAL, "%s answered more than %zu bytes in one line", c->argv[0], REPLY_MAX);
        }
    }
}

enum sofa_code sofa_child_ask(struct sofa_child *child, const char *line, const atomic_bool *cancel, struct sofa_str *reply,
                              struct sofa_err *err)
{
    struct sofa_str question = SOFA_STR_INIT;
    enum sofa_code rc = SOFA_OK;

    sofa_str_addf(&question, "%s\n", line);
    if (question.failed)
        return sofa_fail_nomem(err, "a question");
    if (!child->pid)
        SOFA_TRY(start(child, err));
    rc = converse(child, &question, cancel, reply, err);
out:
    sofa_str_release(&question);
    return rc;
}
