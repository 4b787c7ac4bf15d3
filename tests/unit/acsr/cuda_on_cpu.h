/*
 * As much of CUDA as the kernels of sofa-dse need, on one processor: the threads of a block are contexts that take turns at
 * every barrier.  For tests of what a kernel computes where there is no GPU; it says nothing of speed.
 */
#ifndef SOFA_TESTS_CUDA_ON_CPU_H
#define SOFA_TESTS_CUDA_ON_CPU_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <ucontext.h>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(threads)
#define CPU_THREADS_MAX 256
#define CPU_STACK_BYTES ((size_t)64 << 10)
#define CPU_WARP 32

/* Who waits for whom: `arrived` of `size` are there in this round. */
struct cpu_barrier {
    int arrived, size;
    unsigned round;
};

static struct {
    unsigned x;
} threadIdx, blockIdx;

static struct {
    ucontext_t scheduler, thread[CPU_THREADS_MAX];
    bool done[CPU_THREADS_MAX];
    struct cpu_barrier block, warp[CPU_THREADS_MAX / CPU_WARP];
    float lane[CPU_THREADS_MAX]; /* what is shuffled */
    void (*kernel)(const float *, const float *, const float *, float *);
    const float *q, *k, *v;
    float *out;
} cpu;

static void cpu_wait(struct cpu_barrier *b)
{
    unsigned me = threadIdx.x, round = b->round;

    if (++b->arrived == b->size) {
        b->arrived = 0;
        b->round++;
        return;
    }
    while (b->round == round)
        swapcontext(&cpu.thread[me], &cpu.scheduler);
}

static void __syncthreads(void)
{
    cpu_wait(&cpu.block);
}

static void __syncwarp(void)
{
    cpu_wait(&cpu.warp[threadIdx.x / CPU_WARP]);
}

static float __shfl_xor_sync(unsigned mask, float x, int lanes)
{
    float got;

    (void)mask;
    cpu.lane[threadIdx.x] = x;
    __syncwarp();
    got = cpu.lane[threadIdx.x ^ (unsigned)lanes];
    __syncwarp();
    return got;
}

static void cpu_thread(void)
{
    unsigned me = threadIdx.x;

    cpu.kernel(cpu.q, cpu.k, cpu.v, cpu.out);
    cpu.done[me] = true;
    swapcontext(&cpu.thread[me], &cpu.scheduler);
}

static void cpu_block(int threads, char *stacks)
{
    cpu.block = (struct cpu_barrier){.size = threads};
    for (int w = 0; w < threads / CPU_WARP; w++)
        cpu.warp[w] = (struct cpu_barrier){.size = CPU_WARP};
    for (int t = 0; t < threads; t++) {
        getcontext(&cpu.thread[t]);
        cpu.thread[t].uc_stack.ss_sp = stacks + (size_t)t * CPU_STACK_BYTES;
        cpu.thread[t].uc_stack.ss_size = CPU_STACK_BYTES;
        makecontext(&cpu.thread[t], cpu_thread, 0);
        cpu.done[t] = false;
    }
    for (int left = threads; left > 0;)
        for (int t = 0; t < threads; t++) {
            if (cpu.done[t])
                continue;
            threadIdx.x = (unsigned)t;
            swapcontext(&cpu.scheduler, &cpu.thread[t]);
            left -= cpu.done[t];
        }
}

/* All blocks, one after the other. */
static void run_on_cpu(void (*kernel)(const float *, const float *, const float *, float *), int blocks, int threads, const float *q,
                       const float *k, const float *v, float *out)
{
    char *stacks = malloc((size_t)threads * CPU_STACK_BYTES);

    if (!stacks || threads > CPU_THREADS_MAX)
        exit(2);
    cpu.kernel = kernel;
    cpu.q = q, cpu.k = k, cpu.v = v, cpu.out = out;
    for (int b = 0; b < blocks; b++) {
        blockIdx.x = (unsigned)b;
        cpu_block(threads, stacks);
    }
    free(stacks);
}

#endif
