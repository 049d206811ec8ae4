/* Keeps a number of requests in flight until all are answered; prints what came of it.
 *
 *   load ashd REQUESTS CONCURRENCY         to the handler whose socket is standard input
 *   load http REQUESTS CONCURRENCY PORT    to the server on that port of localhost (keep-alive)
 *
 * Prints: requests a second, 50th and 99th percentile and maximum of the latency in microseconds,
 * and the number of responses that were not a whole 200. Compiled and called by _measure.py.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000, HEAD_SIZE = 4096 };

struct client {
    int fd;
    double since;
    size_t received, expected; /* bytes; 0 expected: not known yet (http), or till the end (ashd) */
    char head[HEAD_SIZE];
};

/* What both kinds of load have to tell: name and value of each header, in turns. */
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

static char request[HEAD_SIZE];
static size_t request_size;
static int poller, port; /* port 0: ashd */
static long wrong;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void add(const char *text, size_t size)
{
    memcpy(request + request_size, text, size);
    request_size += size;
}

static void make_request(void)
{
    if (port) {
        const char *line = "GET /bench/page?a=1&b=2 HTTP/1.1\r\n";
        add(line, strlen(line));
        for (int i = 0; headers[i]; i += 2)
            request_size += sprintf(request + request_size, "%s: %s\r\n", headers[i], headers[i + 1]);
        add("\r\n", 2);
        return;
    }
    const char *const line[] = {"GET", "/bench/page?a=1&b=2", "HTTP/1.1", "bench/page", NULL};
    const char *const *const parts[] = {line, headers, added};
    for (int part = 0; part < 3; part++)
        for (int i = 0; parts[part][i]; i++)
            add(parts[part][i], strlen(parts[part][i]) + 1);
    add("", 1);
}

static void watch(struct client *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) < 0)
        fail("epoll_ctl");
}

static void send_ashd(struct client *c)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        fail("socketpair");
    union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(int))]; } control = {0};
    struct iovec data = {request, request_size};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1,
                             .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &pair[1], sizeof(int));
    if (sendmsg(0, &message, 0) < 0) /* at once: the handler may be idle */
        fail("the handler takes no request");
    shutdown(pair[0], SHUT_WR);
    close(pair[1]);
    c->fd = pair[0];
    watch(c);
}

static void send_http(struct client *c)
{
    if (c->fd < 0) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int one = 1;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0)
            fail("connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(c);
    }
    if (write(c->fd, request, request_size) != (ssize_t)request_size)
        fail("write");
}

static void start(struct client *c)
{
    c->received = c->expected = 0;
    c->since = now();
    if (port)
        send_http(c);
    else
        send_ashd(c);
}

static void hang_up(struct client *c)
{
    close(c->fd);
    c->fd = -1;
}

static void look_for_length(struct client *c)
{
    c->head[c->received < HEAD_SIZE ? c->received : HEAD_SIZE - 1] = 0;
    char *end = strstr(c->head, "\r\n\r\n"), *length = strcasestr(c->head, "\r\nContent-Length:");
    if (end && length && length < end)
        c->expected = end + 4 - c->head + atol(length + 17);
}

static ssize_t receive_piece(struct client *c)
{
    static char rest[1 << 16];
    int in_head = c->received < HEAD_SIZE - 1;
    ssize_t got = in_head ? recv(c->fd, c->head + c->received, HEAD_SIZE - 1 - c->received, MSG_DONTWAIT)
                          : recv(c->fd, rest, sizeof rest, MSG_DONTWAIT);
    if (got > 0)
        c->received += got;
    return got;
}

/* Takes in all that has come, so that a response costs one epoll_wait; tells whether it is complete. */
static int receive(struct client *c)
{
    for (;;) {
        ssize_t got = receive_piece(c);
        if (got < 0 && errno == EAGAIN)
            return 0;
        if (got <= 0) {
            hang_up(c);
            wrong += port || c->received < 12 || memcmp(c->head, "HTTP/1.1 200", 12);
            return 1;
        }
        if (port && !c->expected)
            look_for_length(c);
        if (c->expected && c->received >= c->expected) {
            wrong += memcmp(c->head, "HTTP/1.1 200", 12) != 0;
            return 1;
        }
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc < 4 || strcmp(argv[1], argc > 4 ? "http" : "ashd")) {
        fprintf(stderr, "usage: load ashd REQUESTS CONCURRENCY | load http REQUESTS CONCURRENCY PORT\n");
        return 2;
    }
    long total = atol(argv[2]), sent = 0, done = 0;
    int concurrency = atoi(argv[3]);
    port = argc > 4 ? atoi(argv[4]) : 0;
    signal(SIGPIPE, SIG_IGN);
    struct client *clients = calloc(concurrency, sizeof *clients);
    double *latencies = calloc(total, sizeof *latencies);
    poller = epoll_create1(EPOLL_CLOEXEC);
    make_request();
    double begin = now();
    for (; sent < concurrency && sent < total; sent++) {
        clients[sent].fd = -1;
        start(&clients[sent]);
    }
    while (done < total) {
        struct epoll_event events[64];
        int count = epoll_wait(poller, events, 64, PATIENCE_MS);
        if (count <= 0 && errno != EINTR) {
            fprintf(stderr, "no answer for %d s, after %ld of %ld\n", PATIENCE_MS / 1000, done, total);
            return 1;
        }
        for (int i = 0; i < count; i++) {
            struct client *c = events[i].data.ptr;
            if (!receive(c))
                continue;
            latencies[done++] = now() - c->since;
            if (sent < total) {
                sent++;
                start(c);
            }
        }
    }
    double seconds = (now() - begin) / 1e6;
    qsort(latencies, total, sizeof *latencies, compare);
    printf("%.0f %.0f %.0f %.0f %ld\n", total / seconds, latencies[total / 2],
           latencies[total * 99 / 100], latencies[total - 1], wrong);
    return 0;
}
