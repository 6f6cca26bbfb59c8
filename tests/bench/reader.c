/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens PATH and reads it, again and again, until SIGTERM; then says how often it looked, how often it found nothing,
 * how many times it fell into such a gap, and how long the longest was: "READS MISSING GAPS LONGEST_US".
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static long long now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    signal(SIGTERM, end);
    puts("ready");
    fflush(stdout);
    long long reads = 0, missing = 0, gaps = 0, longest_us = 0, since_us = 0;
    char text[64];
    while (!ended) {
        int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
        reads++;
        if (fd >= 0 && read(fd, text, sizeof text) > 0) {
            if (since_us && now_us() - since_us > longest_us)
                longest_us = now_us() - since_us;
            since_us = 0;
        } else {
            missing++;
            if (!since_us) {
                gaps++;
                since_us = now_us();
            }
        }
        if (fd >= 0)
            close(fd);
    }
    printf("%lld %lld %lld %lld\n", reads, missing, gaps, longest_us);
    return 0;
}
