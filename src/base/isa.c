#include "base/isa.h"

#include <stdbool.h>
#include <string.h>

static bool has_all(void)
{
    return true;
}

#ifdef SOFA_HAVE_AVX2
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

#ifdef SOFA_HAVE_AVX512
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}
#endif

#ifdef SOFA_HAVE_AVX2
#define AVX2(X) X("avx2", has_avx2)
#else
#define AVX2(X)
#endif
#ifdef SOFA_HAVE_AVX512
#define AVX512(X) X("avx512", has_avx512)
#else
#define AVX512(X)
#endif
#define ISAS(X) X("portable", has_all) AVX2(X) AVX512(X)

#define NAME(name, runs_here) name,
#define RUNS_HERE(name, runs_here) runs_here,
static const char *const names[] = {ISAS(NAME)};
static bool (*const runs_here[])(void) = {ISAS(RUNS_HERE)};
#define ISA_COUNT (sizeof names / sizeof *names)

const char *const *sofa_isa_names(size_t *n)
{
    *n = ISA_COUNT;
    return names;
}

enum sofa_code sofa_isa_find(const char *name, size_t *index, struct sofa_err *err)
{
    bool any = !name || strcmp(name, "auto") == 0;

    for (size_t i = ISA_COUNT; i-- > 0;) {
        if (!any && strcmp(names[i], name) != 0)
            continue;
        *index = i;
        if (runs_here[i]())
            return SOFA_OK;
        if (!any)
            return sofa_fail(err, SOFA_E_USAGE, "this machine can't run the instruction set '%s'", name);
    }
    sofa_fail(err, SOFA_E_USAGE, "unknown instruction set '%s'; there are: auto", name);
    for (size_t i = 0; i < ISA_COUNT; i++)
        sofa_err_append(err, " %s", names[i]);
    return SOFA_E_USAGE;
}
