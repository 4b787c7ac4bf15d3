/* sofa-dse explore: searches a design space. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "exec/mpi.h"
#include "report/report.h"
#include "study/study.h"

struct explore_options {
    const char *folder, *algorithm, *isa;
    long evaluations, seed, jobs;
    bool resume, extend;
    int progress, executor;
};
enum { EXECUTOR_LOCAL, EXECUTOR_MPI };
static const char *const executor_names[] = {"local", "mpi", NULL};
static const char *const progress_names[] = {"auto", "plain", "none", NULL};
#define OPTION(member) .offset = offsetof(struct explore_options, member)
static const struct sofa_option options[] = {
    {.name = "output", .letter = 'o', .kind = SOFA_OPTION_STRING, OPTION(folder), .argument = "DIR",
     .help = "the study's folder (default: NAME.study here)"},
    {.name = "evaluations", .kind = SOFA_OPTION_INTEGER, OPTION(evaluations), .argument = "N", .least = 1, .most = 1000000000,
     .help = "designs to evaluate, instead of what the space says"},
    {.name = "seed", .kind = SOFA_OPTION_INTEGER, OPTION(seed), .argument = "N", .least = 0, .most = 9007199254740992,
     .help = "seed of the search, instead of what the space says"},
    {.name = "jobs", .letter = 'j', .kind = SOFA_OPTION_INTEGER, OPTION(jobs), .argument = "N", .least = 1, .most = 65536,
     .help = "evaluations at a time on this machine; never changes the result"},
    {.name = "algorithm", .kind = SOFA_OPTION_STRING, OPTION(algorithm), .argument = "NAME",
     .help = "one of 'list algorithms', instead of what the space says"},
    {.name = "resume", .kind = SOFA_OPTION_FLAG, OPTION(resume), .help = "go on with the study in DIR"},
    {.name = "extend", .kind = SOFA_OPTION_FLAG, OPTION(extend), .help = "go on, and make more evaluations than it was to have"},
    {.name = "executor", .kind = SOFA_OPTION_CHOICE, OPTION(executor), .argument = "WHERE", .names = executor_names,
     .help = "local (threads) or mpi (the other ranks); never changes the result"},
    {.name = "progress", .kind = SOFA_OPTION_CHOICE, OPTION(progress), .argument = "HOW", .names = progress_names,
     .help = "auto, plain (a line now and then) or none"},
    {.name = "isa", .kind = SOFA_OPTION_STRING, OPTION(isa), .argument = "NAME",
     .help = "instruction set of the kernel; never changes the result"},
};

static enum sofa_code print_front(const struct sofa_study *study, const char *folder, struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;
    enum sofa_code rc;

    sofa_report_table(study, &text);
    if (!text.failed)
        fputs(text.text, stdout);
    rc = text.failed ? sofa_fail_nomem(err, "the table") : sofa_output_finish(err);
    sofa_str_release(&text);
    fprintf(stderr, "%zu designs on the front of %zu evaluated, hypervolume %.6g; the study is in %s\n", study->n_front,
            study->n_trials, study->hypervolume, folder);
    if (study->ended)
        fprintf(stderr, "the search ended early: %s\n", study->note);
    return rc;
}

/* Front and files are written also when the study was stopped. */
static enum sofa_code finish(const struct sofa_study *study, const char *folder, enum sofa_code rc, struct sofa_err *err)
{
    enum sofa_code written = sofa_report_write(study, folder, rc == SOFA_OK ? err : NULL);

    if (rc != SOFA_OK)
        return rc;
    return written == SOFA_OK ? print_front(study, folder, err) : written;
}

static char *default_folder(const struct sofa_problem *problem)
{
    return sofa_format("%s.study", problem->space->name);
}

static struct sofa_study_options study_options(const struct explore_options *o)
{
    return (struct sofa_study_options){
        .resume = o->resume, .extend = o->extend, .mpi = o->executor == EXECUTOR_MPI, .jobs = (size_t)o->jobs,
        .algorithm = o->algorithm, .evaluations = (size_t)o->evaluations, .has_seed = o->seed >= 0,
        .seed = o->seed >= 0 ? (uint64_t)o->seed : 0, .cancel = &sofa_stop};
}

static enum sofa_code explore(const struct explore_options *o, struct sofa_problem *problem, struct sofa_err *err)
{
    struct sofa_study *study = NULL;
    struct sofa_progress_line line;
    struct sofa_study_options so = study_options(o);
    char *folder = o->folder ? sofa_format("%s", o->folder) : default_folder(problem);
    enum sofa_code rc;

    if (!folder)
        return sofa_fail_nomem(err, "the study");
    so.folder = folder;
    so.progress = sofa_progress_line_show;
    so.ctx = &line;
    sofa_progress_line_init(&line, (enum sofa_progress_mode)o->progress, stderr);
    rc = sofa_study_run(problem, &so, &study, err);
    sofa_progress_line_end(&line);
    if (study)
        rc = finish(study, folder, rc, err);
    if (rc == SOFA_E_INTERRUPTED && study)
        sofa_err_append(err, "; the study in %s is whole, --resume goes on", folder);
    sofa_study_free(study);
    free(folder);
    return rc;
}

/* A worker rank that can't go on takes the job with it: the manager would wait for it. */
static enum sofa_code serve(struct sofa_problem *problem, struct sofa_err *err)
{
    enum sofa_code rc = sofa_study_serve(problem, &sofa_stop, err);

    if (rc != SOFA_OK) {
        fprintf(stderr, "sofa-dse: a worker ended: %s\n", err->text);
        sofa_mpi_abort(sofa_code_status(rc));
    }
    return rc;
}

/* All ranks open the space; what is wrong with it is said once, by the first. */
static enum sofa_code explore_with_ranks(const struct explore_options *o, const char *file, struct sofa_err *err)
{
    struct sofa_problem *problem = NULL;
    struct sofa_mpi_world world;
    enum sofa_code rc;
    int worst;

    SOFA_TRY(sofa_mpi_start(&world, err));
    rc = sofa_problem_open(file, o->isa, &problem, err);
    worst = sofa_mpi_worst(rc == SOFA_OK ? 0 : world.rank == 0 ? 2 : 1);
    if (worst == 2 && world.rank > 0)
        rc = SOFA_OK;
    else if (worst == 1 && world.rank == 0)
        rc = sofa_fail(err, SOFA_E_IO, "a worker could not open the space");
    else if (worst == 0)
        rc = world.rank == 0 ? explore(o, problem, err) : serve(problem, err);
out:
    sofa_problem_free(problem);
    sofa_mpi_end();
    return rc;
}

static enum sofa_code explore_here(const struct explore_options *o, const char *file, struct sofa_err *err)
{
    struct sofa_problem *problem = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_problem_open(file, o->isa, &problem, err));
    rc = explore(o, problem, err);
out:
    sofa_problem_free(problem);
    return rc;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct explore_options o = {.seed = -1};
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_explore, argc, argv, &o, &operands, &done, err));
    if (done)
        goto out;
    sofa_catch_signals();
    rc = o.executor == EXECUTOR_MPI ? explore_with_ranks(&o, argv[1], err) : explore_here(&o, argv[1], err);
out:
    return rc;
}

const struct sofa_command sofa_cmd_explore = {
    "explore", "explore SPACE.yaml [-o DIR] [--evaluations N] [--seed N] [--jobs N] [--algorithm NAME] [--resume] [--extend]\n"
    "                        [--executor local|mpi] [--progress HOW]",
    "searches a design space for its Pareto front", options, sizeof options / sizeof *options, 1, 1, run,
};
