// A fast simulated provider for benchmarks: one thread, epoll, HTTP/1.1 with kept connections.
//
//   cc -O2 -o sink sink.c && ./sink --port 0
//
// Prints "port N" on standard output, then serves until it is killed.
//
//   POST /2010-04-01/Accounts/<sid>/Messages.json   201 and a message as Twilio writes it, with an id of its own
//   POST /bot<token>/sendMessage                    200 and a message as Telegram writes it, numbered
//   POST /bot<token>/getMe                          200 and the bot
//   GET  /__stats                                   what was received: total, distinct recipients, repeats, span in seconds
//   GET  /__reset                                   counts from zero
//
// A repeat is a second text to one recipient (the digits of `To` or `chat_id`): every benchmark writes once to everybody.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_FDS 65536
#define SLOTS (1u << 22)  // of the table of recipients; a power of two, far more than any benchmark writes to

typedef struct {
    char *in, *out;
    size_t in_used, in_room, out_used, out_room;
    int waits_to_write, ends;
} Connection;

static Connection *connections[MOST_FDS];
static int poller;
static uint64_t total, repeats, distinct, numbered;
static int64_t first_ns, last_ns;
static uint64_t *recipients;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *grown(void *buffer, size_t size) {
    void *larger = realloc(buffer, size);
    if (!larger) { perror("sink"); exit(1); }
    return larger;
}

static void drop(int fd) {
    Connection *c = connections[fd];
    if (!c) return;
    free(c->in);
    free(c->out);
    free(c);
    connections[fd] = NULL;
    close(fd);
}

static void watch(int fd, int writing) {
    struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &e);
    connections[fd]->waits_to_write = writing;
}

static void flush(int fd) {
    Connection *c = connections[fd];
    size_t done = 0;
    while (done < c->out_used) {
        ssize_t n = send(fd, c->out + done, c->out_used - done, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) break;
            drop(fd);
            return;
        }
        done += n;
    }
    memmove(c->out, c->out + done, c->out_used - done);
    c->out_used -= done;
    if (!c->out_used && c->ends) { drop(fd); return; }
    if ((c->out_used > 0) != c->waits_to_write) watch(fd, c->out_used > 0);
}

static void answer(Connection *c, const char *status, const char *body, size_t length) {
    char head[256];
    int n = snprintf(head, sizeof head,
        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nDate: Mon, 05 Oct 2026 02:00:00 GMT\r\nContent-Length: %zu\r\n\r\n",
        status, length);
    if (c->out_used + n + length > c->out_room) {
        c->out_room = (c->out_used + n + length) * 2;
        c->out = grown(c->out, c->out_room);
    }
    memcpy(c->out + c->out_used, head, n);
    memcpy(c->out + c->out_used + n, body, length);
    c->out_used += n + length;
}

// The digits of a form field's value: a telephone number or a chat id; 0 when the field is not there.
static uint64_t digits_of(const char *body, size_t length, const char *field) {
    size_t width = strlen(field);
    const char *end = body + length;
    for (const char *p = body; (p = memmem(p, end - p, field, width)); p += width) {
        if (p != body && p[-1] != '&') continue;
        uint64_t number = 0;
        for (p += width; p < end && *p != '&'; p++) {
            if (*p == '%' && end - p > 2) { p += 2; continue; }  // %3A and %2B of "whatsapp:+62..."
            if (*p >= '0' && *p <= '9') number = number * 10 + (*p - '0');
        }
        return number;
    }
    return 0;
}

static void count(uint64_t recipient) {
    int64_t t = now_ns();
    if (!total++) first_ns = t;
    last_ns = t;
    if (!recipient || distinct > SLOTS / 2) return;
    for (uint64_t at = recipient * 0x9E3779B97F4A7C15ull >> 42;; at = (at + 1) & (SLOTS - 1)) {
        if (recipients[at] == recipient) { repeats++; return; }
        if (!recipients[at]) { recipients[at] = recipient; distinct++; return; }
    }
}

static const char BOT[] = "{\"ok\":true,\"result\":{\"id\":123456,\"is_bot\":true,\"first_name\":\"Sink\",\"username\":\"sink_bot\"}}";

static void handle(Connection *c, const char *path, size_t path_length, const char *body, size_t length) {
    char text[2048];
    int n;
    if (path_length > 12 && !memcmp(path, "/2010-04-01/", 12)) {
        count(digits_of(body, length, "To="));
        numbered++;
        n = snprintf(text, sizeof text,
            "{\"account_sid\":\"AC00000000000000000000000000000000\",\"api_version\":\"2010-04-01\",\"body\":\"\","
            "\"date_created\":\"Mon, 05 Oct 2026 02:00:00 +0000\",\"date_sent\":null,"
            "\"date_updated\":\"Mon, 05 Oct 2026 02:00:00 +0000\",\"direction\":\"outbound-api\",\"error_code\":null,"
            "\"error_message\":null,\"from\":\"whatsapp:+6285100000001\",\"messaging_service_sid\":null,\"num_media\":\"0\","
            "\"num_segments\":\"1\",\"price\":null,\"price_unit\":\"USD\",\"sid\":\"SM%032lx\",\"status\":\"queued\","
            "\"subresource_uris\":{\"media\":\"/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages/SM%032lx/Media.json\"},"
            "\"to\":\"whatsapp:+628120000000\","
            "\"uri\":\"/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages/SM%032lx.json\"}",
            numbered, numbered, numbered);
        answer(c, "201 Created", text, n);
    } else if (path_length > 6 && !memcmp(path, "/bot", 4) && !strncasecmp(path + path_length - 6, "/getMe", 6)) {
        answer(c, "200 OK", BOT, sizeof BOT - 1);
    } else if (path_length > 4 && !memcmp(path, "/bot", 4)) {
        uint64_t chat = digits_of(body, length, "chat_id=");
        count(chat);
        numbered++;
        n = snprintf(text, sizeof text,
            "{\"ok\":true,\"result\":{\"message_id\":%lu,\"from\":{\"id\":123456,\"is_bot\":true,\"first_name\":\"Sink\","
            "\"username\":\"sink_bot\"},\"chat\":{\"id\":%lu,\"first_name\":\"Siti\",\"last_name\":\"Aminah\","
            "\"type\":\"private\"},\"date\":1791165600,\"text\":\"Salam dari Dukcapil.\",\"reply_markup\":"
            "{\"inline_keyboard\":[[{\"text\":\"Sudah diambil\",\"callback_data\":\"already_collected\"}]]}}}",
            numbered, chat);
        answer(c, "200 OK", text, n);
    } else if (path_length >= 8 && !memcmp(path, "/__stats", 8)) {
        n = snprintf(text, sizeof text, "{\"total\":%lu,\"distinct\":%lu,\"repeats\":%lu,\"span_s\":%.6f}",
            total, distinct, repeats, (last_ns - first_ns) / 1e9);
        answer(c, "200 OK", text, n);
    } else if (path_length >= 8 && !memcmp(path, "/__reset", 8)) {
        total = repeats = distinct = 0;
        first_ns = last_ns = 0;
        memset(recipients, 0, SLOTS * sizeof *recipients);
        answer(c, "200 OK", "{}", 2);
    } else {
        answer(c, "404 Not Found", "{}", 2);
    }
}

// Serve the request at the front of the buffer; 0 when it is not whole yet. *used gets its length.
static int serve(int fd, char *at, size_t available, size_t *used) {
    char *head_end = memmem(at, available, "\r\n\r\n", 4);
    if (!head_end) return 0;
    size_t head = head_end - at + 4, length = 0;
    int chunked = 0, ends = 0;
    for (char *line = memchr(at, '\n', head); line && line < head_end; line = memchr(line, '\n', head_end - line)) {
        line++;
        if (!strncasecmp(line, "content-length:", 15)) length = strtoul(line + 15, NULL, 10);
        else if (!strncasecmp(line, "transfer-encoding: chunked", 26)) chunked = 1;
        else if (!strncasecmp(line, "connection: close", 17)) ends = 1;
    }
    char *body = at + head;
    if (chunked) {
        char *last = memmem(body, available - head, "0\r\n\r\n", 5);
        if (!last) return 0;
        length = last - body + 5;
    } else if (available - head < length) {
        return 0;
    }
    char *path = memchr(at, ' ', head);
    char *path_end = path ? memchr(path + 1, ' ', head - (path + 1 - at)) : NULL;
    if (!path_end) { drop(fd); return 0; }
    Connection *c = connections[fd];
    handle(c, path + 1, path_end - path - 1, body, length);
    if (ends) c->ends = 1;
    *used = head + length;
    return 1;
}

static void read_from(int fd) {
    Connection *c = connections[fd];
    for (;;) {
        if (c->in_used + 65536 > c->in_room) {
            c->in_room = c->in_used + 131072;
            c->in = grown(c->in, c->in_room);
        }
        ssize_t n = recv(fd, c->in + c->in_used, 65536, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) { drop(fd); return; }
        if (n < 0) break;
        c->in_used += n;
        if (n < 65536) break;
    }
    size_t done = 0, used = 0;
    while (done < c->in_used && serve(fd, c->in + done, c->in_used - done, &used)) done += used;
    if (!connections[fd]) return;
    memmove(c->in, c->in + done, c->in_used - done);
    c->in_used -= done;
    if (c->out_used) flush(fd);
}

static void take_new(int listener) {
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MOST_FDS) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connections[fd] = calloc(1, sizeof(Connection));
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

int main(int count_of_words, char **words) {
    int port = 0, one = 1;
    for (int i = 1; i + 1 < count_of_words; i += 2) {
        if (!strcmp(words[i], "--port")) port = atoi(words[i + 1]);
        else { fprintf(stderr, "unknown option %s\n", words[i]); return 2; }
    }
    signal(SIGPIPE, SIG_IGN);
    recipients = calloc(SLOTS, sizeof *recipients);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (!recipients || bind(listener, (void *)&address, size) || listen(listener, 4096)
        || getsockname(listener, (void *)&address, &size)) { perror("sink"); return 1; }
    poller = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[512];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(poller, events, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) { take_new(listener); continue; }
            if (connections[fd] && events[i].events & EPOLLOUT) flush(fd);
            if (connections[fd] && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_from(fd);
        }
    }
}
