/* Keeps requests in flight until all are answered, or sends them at a rate; prints what came of it.
 *
 *   load ashd REQUESTS CLIENTS [RATE]    to the handler whose socket is standard input
 *   load PORT REQUESTS CLIENTS [RATE]    to the HTTP server on that port of localhost (keep-alive)
 *
 * With RATE (a second), a request's latency begins when it is due, even if every client is busy then.
 * Prints: requests a second; 50th, 99th and 99.9th percentile of the latency in microseconds; the
 * number of responses that were not a whole 200; the number of connections that were opened.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000, RESPONSE_SIZE = 4096 };

struct client {
    int fd, kept, busy;
    double since;
    size_t received;
    char response[RESPONSE_SIZE];
};

/* Name and value of each header, in turns. */
static const char *const headers[] = {
    "Host", "localhost:8080",
    "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language", "de,en-US;q=0.7,en;q=0.3",
    "Accept-Encoding", "gzip, deflate, br",
    "Connection", "keep-alive",
    "Cookie", "sessionid=8f14e45fceea167a5a36dedd4bea2543; theme=light",
    "Upgrade-Insecure-Requests", "1", NULL};
static const char *const added[] = {
    "X-Ash-Connection-ID", "1f", "X-Ash-Address", "127.0.0.1", "X-Ash-Port", "40123",
    "X-Ash-Server-Address", "127.0.0.1", "X-Ash-Server-Port", "8080", "X-Ash-Protocol", "http", NULL};
static const char body[] = "Hello, world!";

static char request[4096];
static size_t request_size;
static int poller, port; /* port 0: ashd */
static long wrong, connections;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void check(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static void make_http_request(void)
{
    request_size = sprintf(request, "GET /bench/page?a=1&b=2 HTTP/1.1\r\n");
    for (int i = 0; headers[i]; i += 2)
        request_size += sprintf(request + request_size, "%s: %s\r\n", headers[i], headers[i + 1]);
    request_size += sprintf(request + request_size, "\r\n");
}

static void make_datagram(void)
{
    const char *const line[] = {"GET", "/bench/page?a=1&b=2", "HTTP/1.1", "bench/page", NULL};
    const char *const *const parts[] = {line, headers, added};
    for (int part = 0; part < 3; part++)
        for (int i = 0; parts[part][i]; i++)
            request_size += sprintf(request + request_size, "%s", parts[part][i]) + 1;
    request_size++; /* the empty string that ends it */
}

static void watch(int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void send_datagram(struct client *c)
{
    int pair[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(int))]; } control = {0};
    struct iovec data = {request, request_size};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1,
                             .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &pair[1], sizeof(int));
    check(sendmsg(0, &message, 0) >= 0, "the handler takes no request");
    shutdown(pair[0], SHUT_WR);
    close(pair[1]);
    c->fd = pair[0];
    watch(c->fd, c);
}

static void hang_up(struct client *c)
{
    close(c->fd);
    c->fd = -1;
}

static void send_http(struct client *c)
{
    if (c->fd < 0) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int one = 1;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(c->fd, c);
        connections++;
        c->kept = 0;
    }
    if (write(c->fd, request, request_size) == (ssize_t)request_size)
        return;
    check(c->kept, "write");
    hang_up(c);
    send_http(c);
}

static void start(struct client *c, double since)
{
    c->received = 0;
    c->busy = 1;
    c->since = since;
    if (port)
        send_http(c);
    else
        send_datagram(c);
}

/* Tell whether a client's response is there in full: up to its known body, or (ashd) to the end. */
static int receive(struct client *c)
{
    for (;;) {
        ssize_t got = recv(c->fd, c->response + c->received, RESPONSE_SIZE - 1 - c->received, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return 0;
        int ended = got <= 0, was_busy = c->busy;
        c->received += ended ? 0 : got;
        c->response[c->received] = 0;
        size_t size = sizeof body - 1;
        if (port && ended && was_busy && c->kept && !c->received) { /* an idle connection was closed: RFC 9112, 9.3.1 */
            hang_up(c);
            send_http(c);
            return 0;
        }
        int whole = c->received > size && !memcmp(c->response + c->received - size, body, size);
        int bad = c->received >= 12 && memcmp(c->response, "HTTP/1.1 200", 12);
        if (!ended && !(port && (whole || bad)))
            continue;
        if (ended || bad || strcasestr(c->response, "\r\nConnection: close"))
            hang_up(c);
        c->kept = whole;
        wrong += was_busy && (bad || !whole);
        c->busy = 0;
        return was_busy;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int timer(double period)
{
    struct timespec each = {period / 1e6, (long)(period * 1e3) % 1000000000L};
    struct itimerspec setting = {each, each};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    check(timerfd_settime(fd, 0, &setting, NULL) == 0, "timerfd_settime");
    watch(fd, NULL);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: load ashd|PORT REQUESTS CLIENTS [RATE]\n");
        return 2;
    }
    port = atoi(argv[1]);
    long total = atol(argv[2]), sent = 0, done = 0, due = total;
    int idle = atoi(argv[3]), ticks = -1;
    double period = argc > 4 ? 1e6 / atof(argv[4]) : 0;
    struct client *clients = calloc(idle, sizeof *clients), **free_clients = calloc(idle, sizeof clients);
    double *latencies = calloc(total, sizeof *latencies);
    signal(SIGPIPE, SIG_IGN);
    poller = epoll_create1(EPOLL_CLOEXEC);
    port ? make_http_request() : make_datagram();
    for (int i = 0; i < idle; i++) {
        clients[i].fd = -1;
        free_clients[i] = &clients[i];
    }
    double begin = now(), answered = begin;
    if (period) {
        due = 0;
        ticks = timer(period);
    }
    while (done < total) {
        for (; sent < due && sent < total && idle; sent++)
            start(free_clients[--idle], period ? begin + (sent + 1) * period : now());
        struct epoll_event events[64];
        int count = epoll_wait(poller, events, 64, PATIENCE_MS);
        for (int i = 0; i < count; i++) {
            struct client *c = events[i].data.ptr;
            uint64_t passed;
            if (!c)
                due += read(ticks, &passed, sizeof passed) > 0 ? passed : 0;
            else if (receive(c)) {
                answered = now();
                latencies[done++] = answered - c->since;
                free_clients[idle++] = c;
            }
        }
        if (count <= 0 || now() - answered > PATIENCE_MS * 1e3) {
            fprintf(stderr, "no answer for too long, after %ld of %ld\n", done, total);
            return 1;
        }
    }
    double seconds = (now() - begin) / 1e6;
    qsort(latencies, total, sizeof *latencies, compare);
    printf("%.0f %.0f %.0f %.0f %ld %ld\n", total / seconds, latencies[total / 2],
           latencies[total * 99 / 100], latencies[total * 999 / 1000], wrong, connections);
    return 0;
}
