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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define REPLY_MAX ((size_t)16 << 20) /* bytes of one answer */
#define LAST_WORDS 256               /* bytes of standard error kept */
#define LOOK_MS 100                  /* how often the cancel flag is looked at */
#define PARTING_MS 200               /* a child may take this long to end by itself */
#define LOOK_CLOSELY_MS 5            /* how often it is looked whether it has */

enum { CHILD_IN, CHILD_OUT, CHILD_ERR, CHILD_PIPES };

struct sofa_child {
    char *const *argv;
    const char *folder;         /* NULL: here */
    double timeout_s;
    pid_t pid;                  /* 0: not running */
    bool answered;              /* this process has, once at least */
    int fd[CHILD_PIPES];        /* our ends */
    struct sofa_str ahead;      /* what came behind the last answer's end */
    char words[LAST_WORDS + 1]; /* the last line of standard error */
    size_t n_words;
};

extern char **environ;

enum sofa_code sofa_child_new(char *const *argv, const char *folder, double timeout_s, struct sofa_child **child,
                              struct sofa_err *err)
{
    struct sofa_child *c = calloc(1, sizeof *c);

    if (!c)
        return sofa_fail_nomem(err, argv[0]);
    c->argv = argv;
    c->folder = folder;
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

/* Whether it has ended, within PARTING_MS; *status as waitpid has it. */
static bool has_ended(struct sofa_child *c, int *status)
{
    for (int waited = 0; waited < PARTING_MS; waited += LOOK_CLOSELY_MS) {
        if (waitpid(c->pid, status, WNOHANG) == c->pid)
            return true;
        poll(NULL, 0, LOOK_CLOSELY_MS);
    }
    return false;
}

/* Ends the process and all it started; whether it had ended by itself, `kindly` given the time to. */
static bool end(struct sofa_child *c, bool kindly, int *status)
{
    bool ended = true;

    *status = 0;
    close_pipes(c);
    if (c->pid > 0) {
        ended = kindly && has_ended(c, status);
        kill(-c->pid, SIGKILL);
        while (!ended && waitpid(c->pid, status, 0) < 0 && errno == EINTR)
            ;
    }
    c->pid = 0;
    c->answered = false;
    sofa_str_release(&c->ahead);
    return ended;
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
            posix_spawn_file_actions_adddup2(&actions, theirs[CHILD_ERR], 2) == 0 &&
            (!c->folder || posix_spawn_file_actions_addchdir_np(&actions, c->folder) == 0))
            failed = posix_spawnp(&c->pid, c->argv[0], &actions, &attributes, c->argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* A pipe above the standard descriptors, which the child's ends are put in place of. */
static int make_pipe(int pair[2])
{
    if (pipe2(pair, O_CLOEXEC) != 0)
        return errno;
    for (int i = 0; i < 2; i++) {
        int low = pair[i];

        if (low > STDERR_FILENO)
            continue;
        pair[i] = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(low);
        if (pair[i] < 0)
            return errno;
    }
    return 0;
}

static enum sofa_code start(struct sofa_child *c, struct sofa_err *err)
{
    int theirs[CHILD_PIPES] = {-1, -1, -1}, pair[2] = {-1, -1}, failed = 0;

    for (int i = 0; i < CHILD_PIPES && !failed; i++) {
        failed = make_pipe(pair);
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
    return sofa_fail(err, SOFA_E_IO, "cannot start %s: %s", c->argv[0], strerror(failed));
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

static size_t blanks(const struct sofa_str *s)
{
    return strspn(s->text, " \t\r\n");
}

/* It closed its output: *again where it had answered before and ended well, which is no fault. */
static enum sofa_code fail_crashed(struct sofa_child *c, bool *again, struct sofa_err *err)
{
    bool half = blanks(&c->ahead) < c->ahead.length, answered = c->answered && !half, ended;
    const char *when = half ? "in the middle of its answer" : "before it answered";
    char words[LAST_WORDS];
    int status;

    while (c->fd[CHILD_ERR] >= 0 && drain(c, CHILD_ERR)) {
        struct pollfd p = {c->fd[CHILD_ERR], POLLIN, 0};

        if (poll(&p, 1, LOOK_MS) <= 0)
            break;
    }
    ended = end(c, true, &status);
    *again = answered && ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    sofa_text_clean(c->words, words, sizeof words);
    if (!ended)
        sofa_fail(err, SOFA_E_EVAL, "%s closed its output %s", c->argv[0], when);
    else if (WIFSIGNALED(status))
        sofa_fail(err, SOFA_E_EVAL, "%s was ended by signal %d %s", c->argv[0], WTERMSIG(status), when);
    else
        sofa_fail(err, SOFA_E_EVAL, "%s ended with status %d %s", c->argv[0], WEXITSTATUS(status), when);
    if (words[0])
        sofa_err_append(err, "; its last words: %s", words);
    return SOFA_E_EVAL;
}

/* Takes the first whole line out of what came, blank ones aside. */
static bool take_line(struct sofa_child *c, struct sofa_str *reply)
{
    size_t from = blanks(&c->ahead), n;
    char *end_of_line = memchr(c->ahead.text + from, '\n', c->ahead.length - from);

    if (!end_of_line)
        return false;
    n = (size_t)(end_of_line - c->ahead.text) - from;
    sofa_str_clear(reply);
    sofa_str_add_bytes(reply, c->ahead.text + from, n);
    c->ahead.length -= from + n + 1;
    memmove(c->ahead.text, end_of_line + 1, c->ahead.length + 1);
    return true;
}

/* One round of reading and writing, for at most LOOK_MS; false once the child has closed one of the two.
 * *failed is an error of ours. */
static bool exchange(struct sofa_child *c, const char *text, size_t size, size_t *sent, int *failed)
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
        *failed = alive || errno == EPIPE ? 0 : errno;
    }
    if (p[CHILD_ERR].revents && !drain(c, CHILD_ERR)) {
        close(c->fd[CHILD_ERR]);
        c->fd[CHILD_ERR] = -1;
    }
    if (p[CHILD_OUT].revents)
        alive = drain(c, CHILD_OUT) && alive;
    return alive;
}

/* What was said without being asked for would pass for the next answer. */
static enum sofa_code check_silence(struct sofa_child *c, const char *when, struct sofa_err *err)
{
    char shown[LAST_WORDS];

    if (blanks(&c->ahead) == c->ahead.length)
        return SOFA_OK;
    sofa_text_clean(c->ahead.text + blanks(&c->ahead), shown, sizeof shown);
    sofa_child_restart(c);
    return sofa_fail(err, SOFA_E_EVAL, "%s wrote more than one line %s: '%s'", c->argv[0], when, shown);
}

/* Sends a question and waits for the line that answers it. */
static enum sofa_code converse(struct sofa_child *c, const struct sofa_str *question, const atomic_bool *cancel,
                               struct sofa_str *reply, bool *again, struct sofa_err *err)
{
    double deadline = sofa_seconds() + c->timeout_s;
    size_t sent = 0;
    int failed = 0;

    for (;;) {
        bool alive = exchange(c, question->text, question->length, &sent, &failed);

        if (failed || c->ahead.failed) {
            sofa_child_restart(c);
            return failed ? sofa_fail(err, SOFA_E_IO, "cannot write to %s: %s", c->argv[0], strerror(failed))
                          : sofa_fail_nomem(err, "an answer");
        }

        if (take_line(c, reply))
            return reply->failed ? sofa_fail_nomem(err, "an answer") : check_silence(c, "in answer", err);
        if (!alive)
            return fail_crashed(c, again, err);
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
    bool again = false;

    sofa_str_addf(&question, "%s\n", line);
    if (question.failed)
        return sofa_fail_nomem(err, "a question");
    if (child->pid) {
        (void)drain(child, CHILD_OUT);
        SOFA_TRY(check_silence(child, "in answer to the one before", err));
    }
    do {
        again = false;
        if (!child->pid)
            SOFA_TRY(start(child, err));
        rc = converse(child, &question, cancel, reply, &again, err);
    } while (again);
    child->answered = rc == SOFA_OK;
out:
    sofa_str_release(&question);
    return rc;
}

static bool may_run(const char *path, const char **why)
{
    struct stat st;

    if (stat(path, &st) != 0)
        *why = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        *why = "it is no file";
    else if (access(path, X_OK) != 0)
        *why = "it is not executable";
    else
        return true;
    return false;
}

/* In PATH, as the child would look for it. */
static bool is_in_path(const char *program)
{
    const char *path = getenv("PATH"), *why;
    size_t n;

    for (path = path ? path : "/bin:/usr/bin"; *path; path += n + (path[n] == ':')) {
        char *file = sofa_format("%.*s/%s", (int)(n = strcspn(path, ":")), path, program);
        bool found = file && may_run(file, &why);

        free(file);
        if (found)
            return true;
    }
    return false;
}

enum sofa_code sofa_child_check(const char *program, const char *folder, struct sofa_err *err)
{
    const char *why = "no such program in PATH";
    char *path;
    bool good;

    if (!strchr(program, '/'))
        return is_in_path(program) ? SOFA_OK : sofa_fail(err, SOFA_E_INPUT, "cannot run '%s': %s", program, why);
    path = sofa_path_join(folder, program);
    if (!path)
        return sofa_fail_nomem(err, program);
    good = may_run(path, &why);
    free(path);
    return good ? SOFA_OK : sofa_fail(err, SOFA_E_INPUT, "cannot run '%s': %s", program, why);
}
