/* Open loop over plain sockets, in as little of a core as can be: what client.py does with a rate.

     paced HOST PORT CONNECTIONS SECONDS RATE < MESSAGE

   Requests leave at the instants of a Poisson stream whatever the answers do, over whichever connection is free, and
   latency counts from the instant at which they were meant to leave; what has no answer 5 s after the end is counted as
   wrong, with the time that it had. Prints the same JSON as client.py. HTTP/1.1 with Content-Length only. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 5.0          /* seconds after the last sending */
#define ROOM (1 << 20)        /* bytes: the longest answer and the longest message */
#define CHECKED(call) ({ __auto_type got = (call); if (got < 0) { perror(#call); exit(1); } got; })

typedef struct { int fd; long request; size_t have; char *answer; } Connection;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec * 1e-9;
}

static double processor(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, long count, double share) {
    return count ? sorted[(long)(count * share)] * 1e3 : 0.0;
}

static Connection opened(const char *host, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, fd = CHECKED(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    inet_pton(AF_INET, host, &to.sin_addr);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) { perror("connect"); exit(1); }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return (Connection){.fd = fd, .request = -1, .answer = malloc(ROOM)};
}

static void send_whole(Connection *one, const char *message, size_t length, long request) {
    one->request = request;
    for (size_t sent = 0; sent < length;) {
        ssize_t took = send(one->fd, message + sent, length - sent, MSG_NOSIGNAL);
        if (took < 0 && errno != EAGAIN) { perror("send"); exit(1); }
        sent += took > 0 ? took : 0;
    }
}

/* Reads what is there: 0 while the answer is not whole, else 1, or -1 for another status than 200. */
static int answered(Connection *one) {
    ssize_t took = recv(one->fd, one->answer + one->have, ROOM - 1 - one->have, 0);
    if (took < 0 && errno == EAGAIN) return 0;
    if (took <= 0) { fprintf(stderr, "the server closed the connection\n"); exit(1); }
    one->have += took;
    one->answer[one->have] = 0;
    char *end = strstr(one->answer, "\r\n\r\n");
    if (!end) return 0;
    char *length = strcasestr(one->answer, "\r\ncontent-length:");
    if (!length || length > end) { fprintf(stderr, "an answer without Content-Length\n"); exit(1); }
    size_t whole = end + 4 - one->answer + strtoul(length + 17, NULL, 10);
    if (whole >= ROOM) { fprintf(stderr, "an answer of more than %d bytes\n", ROOM); exit(1); }
    if (one->have < whole) return 0;
    one->have = 0;
    return strncmp(one->answer, "HTTP/1.1 200", 12) == 0 ? 1 : -1;
}

int main(int argc, char **argv) {
    if (argc != 6) { fprintf(stderr, "usage: paced HOST PORT CONNECTIONS SECONDS RATE < MESSAGE\n"); return 2; }
    int connections = atoi(argv[3]);
    double seconds = atof(argv[4]), rate = atof(argv[5]);
    char *message = malloc(ROOM);
    size_t length = fread(message, 1, ROOM, stdin);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);

    long total = 0, most = (long)(rate * seconds * 1.5) + 1000;
    double *due = malloc(most * sizeof *due);
    srand48(0);
    for (double at = 0; at < seconds && total < most; total++) due[total] = at -= log(1.0 - drand48()) / rate;

    int poll = CHECKED(epoll_create1(0));
    Connection *all = malloc(connections * sizeof *all);
    long *idle = malloc(connections * sizeof *idle), first = 0, free_ones = connections; /* a ring: who waited longest */
    for (int i = 0; i < connections; i++) {
        all[i] = opened(argv[1], atoi(argv[2]));
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        CHECKED(epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event));
        idle[i] = i;
    }
    usleep(100000);

    double *latency = malloc(total * sizeof *latency), *late = malloc(total * sizeof *late);
    long done = 0, sent = 0, on_time = 0, wrong = 0;
    double used = processor(), begun = now() + 0.01, at = 0;
    struct epoll_event events[256];
    while (done < total && (at = now() - begun) < seconds + PATIENCE) {
        int had_to_wait = free_ones == 0;
        for (; sent < total && due[sent] <= at && free_ones; sent++, free_ones--) {
            int i = idle[first++ % connections];
            if (!had_to_wait) late[on_time++] = at - due[sent];
            send_whole(&all[i], message, length, sent);
            at = now() - begun;
        }
        double pause = sent < total && free_ones ? due[sent] - at : 0.1;
        struct timespec until = {.tv_sec = 0, .tv_nsec = pause > 0 ? (long)(fmin(pause, 0.1) * 1e9) : 0};
        int some = CHECKED(epoll_pwait2(poll, events, 256, &until, NULL));
        for (int n = 0; n < some; n++) {
            Connection *one = &all[events[n].data.u32];
            int status = answered(one);
            if (!status) continue;
            at = now() - begun;
            wrong += status < 0;
            latency[done++] = at - due[one->request];
            one->request = -1;
            if (sent < total && due[sent] <= at && !free_ones) { /* what waited for a connection goes at once */
                send_whole(one, message, length, sent++);
            } else {
                idle[(first + free_ones++) % connections] = events[n].data.u32;
            }
        }
    }
    double took = now() - begun, busy = (processor() - used) / took;
    for (int i = 0; i < connections; i++)
        if (all[i].request >= 0) latency[done++] = took - due[all[i].request], wrong++;
    for (; sent < total; sent++, wrong++) latency[done++] = took - due[sent];
    qsort(latency, done, sizeof *latency, ascending);
    qsort(late, on_time, sizeof *late, ascending);
    printf("{\"client\": \"paced\", \"requests\": %ld, \"requests_per_second\": %f, \"p50_ms\": %f, \"p99_ms\": %f, "
           "\"p999_ms\": %f, \"late_p99_ms\": %f, \"wrong\": %ld, \"busy\": %f}\n",
           done, (done - wrong) / took, quantile(latency, done, 0.5), quantile(latency, done, 0.99),
           quantile(latency, done, 0.999), quantile(late, on_time, 0.99), wrong, busy);
    return 0;
}
