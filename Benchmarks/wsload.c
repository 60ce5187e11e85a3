// wsload: lean single-threaded epoll WebSocket receiver / load generator.
// gcc -O2 -o bin/wsload wsload.c      See usage() below.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { M_NONE, M_TEXT, M_MQTT, M_NATS, M_CENTRIFUGE };
enum { S_FREE, S_CONNECTING, S_UPGRADING, S_JOINING, S_UP, S_CLOSED };

typedef struct {
  int fd, idx;
  uint8_t state, carrylen;
  uint16_t acks;
  uint32_t count;       // messages in this run
  uint32_t blen, bcap;  // partial-frame buffer
  uint8_t *buf;
  char carry[48];       // stream modes only
} conn_t;

static conn_t *C;
static int N = 1000, port = 8080, batch = 256, mode = M_NONE, rooms = 1, rooms_per = 1, room_stride = 1, room_base = 0;
static const char *host = "127.0.0.1", *path = "/ws", *subproto, *joins[8], *room_fmt = "d{r}", *marker = "\"ts\":", *ack;
static int njoins, acks_need = -1, src_per_ip = 0, join_binary = 0, coalesce_us = 0, settle_ms = 300, src_block = 0;
static char headers[8192];
static int ep, n_up, n_closed, n_failed, n_inflight, next_conn;
static uint64_t t_conn0, t_conn1;
static size_t mlen;
static char *scratch;
#define RB (1 << 18)
static uint8_t rbuf[RB + 16];

// run state
static uint64_t msgs, frames, bytes, expect_n, first_ns, last_ns, recvs, bad_ts;
static uint64_t lat_max, lat_sum;
static int running, closed_in_run;
static uint64_t run_start, run_max_ns, run_idle_ns;
static double cpu0;
static int close_codes[8], n_close_codes;

#define SUB 64
static uint64_t hist[64 * SUB];
static inline int bucket(uint64_t us) {
  if (us < SUB) return us;
  int e = 63 - __builtin_clzll(us);            // >= 6
  return (e - 5) * SUB + (int)((us >> (e - 6)) & (SUB - 1));
}
static uint64_t bucket_val(int b) {
  if (b < SUB) return b;
  int e = b / SUB + 5;
  return ((uint64_t)(SUB + b % SUB) << (e - 6)) + ((1ull << (e - 6)) >> 1);
}
static inline uint64_t now_ns(void) {
  struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static double cpu_s(void) {
  struct rusage r; getrusage(RUSAGE_SELF, &r);
  return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

// ---- templates: {i}=connection, {r}=room number, {room}=room name
static void expand(char *out, size_t cap, const char *t, int i, int r) {
  size_t o = 0;
  for (; *t && o + 1 < cap;) {
    if (!strncmp(t, "{i}", 3)) { o += snprintf(out + o, cap - o, "%d", i); t += 3; }
    else if (!strncmp(t, "{r}", 3)) { o += snprintf(out + o, cap - o, "%d", r); t += 3; }
    else if (!strncmp(t, "{room}", 6)) { char b[256]; expand(b, sizeof b, room_fmt, i, r); o += snprintf(out + o, cap - o, "%s", b); t += 6; }
    else out[o++] = *t++;
  }
  out[o < cap ? o : cap - 1] = 0;
}
static int room_of(int i, int k) { return room_base + (int)(((long)i + (long)k * room_stride) % rooms); }

static void xsend(conn_t *c, const void *p, size_t n) {
  const char *b = p;
  for (int spins = 0; n && spins < 2000;) {
    ssize_t w = send(c->fd, b, n, MSG_NOSIGNAL);
    if (w > 0) { b += w; n -= w; continue; }
    if (w < 0 && (errno == EAGAIN || errno == EINTR)) { usleep(200); spins++; continue; }
    return;
  }
}
static void ws_send(conn_t *c, int op, const void *p, size_t n) {
  static uint8_t o[1 << 16];
  if (n > sizeof o - 16) return;
  size_t h = 2; o[0] = 0x80 | op;
  if (n < 126) o[1] = 0x80 | n; else { o[1] = 0x80 | 126; o[2] = n >> 8; o[3] = n; h = 4; }
  uint8_t key[4] = {0x11, 0x5a, (uint8_t)(c->idx * 7 + 1), 0x3c};
  memcpy(o + h, key, 4); h += 4;
  const uint8_t *s = p;
  for (size_t i = 0; i < n; i++) o[h + i] = s[i] ^ key[i & 3];
  xsend(c, o, h + n);
}
static size_t mq_str(uint8_t *o, const char *s) { size_t n = strlen(s); o[0] = n >> 8; o[1] = n; memcpy(o + 2, s, n); return n + 2; }
static size_t mq_hdr(uint8_t *o, int b0, size_t n) {
  size_t k = 0; o[k++] = b0; do { uint8_t d = n % 128; n /= 128; o[k++] = n ? d | 128 : d; } while (n); return k;
}
static void do_join(conn_t *c) {
  char room[256], msg[4096];
  if (mode == M_TEXT) {
    for (int k = 0; k < rooms_per; k++) for (int j = 0; j < njoins; j++) {
      if (k && !strstr(joins[j], "{room}") && !strstr(joins[j], "{r}")) continue;
      expand(msg, sizeof msg, joins[j], c->idx, room_of(c->idx, k));
      ws_send(c, join_binary ? 2 : 1, msg, strlen(msg));
    }
  } else if (mode == M_MQTT) {
    static uint8_t b[60000], o[60010]; size_t n = 0, h;
    n += mq_str(b + n, "MQTT"); b[n++] = 4; b[n++] = 2; b[n++] = 0; b[n++] = 0; // clean, keepalive 0
    char id[64]; snprintf(id, sizeof id, "wl-%d-%d", (int)getpid(), c->idx); n += mq_str(b + n, id);
    h = mq_hdr(o, 0x10, n); memcpy(o + h, b, n); ws_send(c, 2, o, h + n);
    n = 0; b[n++] = 0; b[n++] = 1;
    for (int k = 0; k < rooms_per; k++) { expand(room, sizeof room, room_fmt, c->idx, room_of(c->idx, k)); n += mq_str(b + n, room); b[n++] = 0; }
    h = mq_hdr(o, 0x82, n); memcpy(o + h, b, n); ws_send(c, 2, o, h + n);
  } else if (mode == M_NATS) {
    static char b[60000]; size_t n = snprintf(b, sizeof b, "CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1}\r\n");
    for (int k = 0; k < rooms_per; k++) { expand(room, sizeof room, room_fmt, c->idx, room_of(c->idx, k)); n += snprintf(b + n, sizeof b - n, "SUB %s %d\r\n", room, k + 1); }
    n += snprintf(b + n, sizeof b - n, "PING\r\n");
    ws_send(c, 2, b, n);
  } else if (mode == M_CENTRIFUGE) {
    static char b[60000]; size_t n = snprintf(b, sizeof b, "{\"id\":1}");
    for (int k = 0; k < rooms_per; k++) { expand(room, sizeof room, room_fmt, c->idx, room_of(c->idx, k)); n += snprintf(b + n, sizeof b - n, "\n{\"id\":%d,\"method\":1,\"params\":{\"channel\":\"%s\"}}", k + 2, room); }
    ws_send(c, 1, b, n);
  }
}
static void fd_close(conn_t *c) {
  struct linger l = {1, 0}; setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
  close(c->fd); c->fd = -1; free(c->buf); c->buf = 0; c->blen = c->bcap = 0;
}
static void drop(conn_t *c, int code) {
  if (c->state == S_CLOSED) return;
  if (c->state == S_UP) { n_up--; if (running) closed_in_run++; }
  else { n_inflight--; n_failed++; }
  if (n_close_codes < 8) close_codes[n_close_codes++] = code;
  c->state = S_CLOSED; n_closed++; fd_close(c);
}
static void set_up(conn_t *c) { c->state = S_UP; n_up++; n_inflight--; t_conn1 = now_ns(); }

static void start_connect(int i) {
  conn_t *c = &C[i]; c->idx = i;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) { perror("socket"); exit(1); }
  int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (src_per_ip > 0) {
    int k = src_block + i / src_per_ip;
    struct sockaddr_in s = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001u + (uint32_t)(k / 250) * 256 + k % 250)};
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(c->fd, (void *)&s, sizeof s)) { perror("bind"); exit(1); }
  }
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, host, &a.sin_addr);
  n_inflight++; c->state = S_CONNECTING;
  int r = connect(c->fd, (void *)&a, sizeof a);
  if (r < 0 && errno != EINPROGRESS) { if (n_failed < 3) perror("connect"); drop(c, -1); return; }
  struct epoll_event e = {.events = EPOLLOUT | EPOLLIN, .data.u32 = i};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}
static void send_upgrade(conn_t *c) {
  char p[4096], pt[2048], hd[8192];
  expand(pt, sizeof pt, path, c->idx, room_of(c->idx, 0));
  expand(hd, sizeof hd, headers, c->idx, room_of(c->idx, 0));
  int n = snprintf(p, sizeof p, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s%s%s%s\r\n", pt, host, port,
    subproto ? "Sec-WebSocket-Protocol: " : "", subproto ? subproto : "", subproto ? "\r\n" : "", hd);
  xsend(c, p, n);
  c->state = S_UPGRADING;
  struct epoll_event e = {.events = EPOLLIN, .data.u32 = c->idx};
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

// scan bytes for markers; returns offset just past last consumed marker digits; partial tail is left for the carry
static inline size_t scan(conn_t *c, const char *p, size_t n, uint64_t now, int stream) {
  const char *b = p, *end = p + n; size_t done = 0;
  while ((b = memmem(b, end - b, marker, mlen))) {
    const char *d = b + mlen; uint64_t ts = 0; int nd = 0;
    while (d < end && (unsigned)(*d - '0') < 10) { ts = ts * 10 + (*d++ - '0'); nd++; }
    if (stream && d == end) break;               // digits may go on in the next frame
    if (nd) {
      msgs++; c->count++;
      if (!first_ns) first_ns = now;
      last_ns = now;
      if (ts <= now && now - ts < 600000000000ull) {
        uint64_t us = (now - ts) / 1000; hist[bucket(us)]++; lat_sum += us; if (us > lat_max) lat_max = us;
      } else bad_ts++;
    }
    b = d; done = d - p;
  }
  return done;
}
static void payload_pre(conn_t *c, const uint8_t *p, size_t n) { // joining: look for acks
  int got = 0;
  if (mode == M_MQTT) { if ((n && p[0] == 0x90) || (n > 4 && p[0] == 0x20 && p[4] == 0x90)) got = 1; }
  else if (ack) { size_t al = strlen(ack); const char *b = (const char *)p, *e = b + n; while ((b = memmem(b, e - b, ack, al))) { got++; b += al; } }
  c->acks += got;
  if (c->acks >= acks_need) set_up(c);
}
static inline void on_payload(conn_t *c, const uint8_t *p, size_t n, uint64_t now) {
  frames++;
  if (mode == M_NATS && n < 64 && n >= 4 && memmem(p, n, "PING\r\n", 6)) ws_send(c, 2, "PONG\r\n", 6);
  if (c->state == S_JOINING) { payload_pre(c, p, n); }
  if (mode == M_NATS || mode == M_MQTT) {
    size_t k = c->carrylen;
    const char *s = (const char *)p; size_t sn = n;
    if (k) { memcpy(scratch, c->carry, k); memcpy(scratch + k, p, n); s = scratch; sn = n + k; }
    size_t done = scan(c, s, sn, now, 1), rest = sn - done;
    if (rest > 40) rest = 40;
    memcpy(c->carry, s + sn - rest, rest); c->carrylen = rest;
  } else scan(c, (const char *)p, n, now, 0);
}
static void on_data(conn_t *c, uint8_t *p, size_t n, uint64_t now) {
  // p has n bytes in total, starting at a frame edge; leftovers are saved
  size_t o = 0;
  while (c->state != S_CLOSED) {
    if (n - o < 2) break;
    uint64_t len = p[o + 1] & 127; size_t h = 2; int op = p[o] & 15;
    if (len == 126) { if (n - o < 4) break; len = (uint64_t)p[o + 2] << 8 | p[o + 3]; h = 4; }
    else if (len == 127) { if (n - o < 10) break; len = 0; for (int i = 0; i < 8; i++) len = len << 8 | p[o + 2 + i]; h = 10; }
    if (len > (16u << 20)) { fprintf(stderr, "frame too big\n"); drop(c, -5); return; }
    if (n - o < h + len) break;
    uint8_t *pl = p + o + h;
    if (op <= 2) on_payload(c, pl, len, now);
    else if (op == 9) ws_send(c, 10, pl, len);
    else if (op == 8) { int code = len >= 2 ? pl[0] << 8 | pl[1] : 1005; ws_send(c, 8, pl, len >= 2 ? 2 : 0); drop(c, code); return; }
    o += h + len;
  }
  if (c->state == S_CLOSED) return;
  size_t rest = n - o;
  if (rest) {
    if (c->bcap < rest) { c->bcap = rest < 4096 ? 4096 : rest * 2; uint8_t *nb = malloc(c->bcap); memcpy(nb, p + o, rest); free(c->buf); c->buf = nb; }
    else memmove(c->buf, p + o, rest);
  }
  c->blen = rest;
  if (!rest && c->buf) { free(c->buf); c->buf = 0; c->bcap = 0; }
}
static void on_event(conn_t *c, uint32_t ev) {
  if (c->state == S_CLOSED || c->state == S_FREE) return;
  if (c->state == S_CONNECTING) {
    int e = 0; socklen_t l = sizeof e; getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
    if (e) { if (n_failed < 3) fprintf(stderr, "connect: %s\n", strerror(e)); drop(c, -1); return; }
    send_upgrade(c); return;
  }
  size_t have = c->blen;
  if (have > RB / 2) { // big partial frame: grow path
    uint8_t *nb = malloc(have + RB); memcpy(nb, c->buf, have);
    ssize_t r = recv(c->fd, nb + have, RB, 0); recvs++;
    if (r <= 0) { free(nb); if (r == 0 || (errno != EAGAIN && errno != EINTR)) drop(c, r == 0 ? -2 : -3); return; }
    bytes += r; on_data(c, nb, have + r, now_ns()); free(nb); return;
  }
  if (have) memcpy(rbuf, c->buf, have);
  ssize_t r = recv(c->fd, rbuf + have, RB - have, 0); recvs++;
  if (r <= 0) { if (r == 0 || (errno != EAGAIN && errno != EINTR)) drop(c, r == 0 ? -2 : -3); return; }
  size_t n = have + r; bytes += r;
  if (c->state == S_UPGRADING) {
    uint8_t *e = memmem(rbuf, n, "\r\n\r\n", 4);
    if (!e) { if (n > 16384) { drop(c, -4); return; } if (c->bcap < n) { c->buf = realloc(c->buf, c->bcap = n + 1024); } memcpy(c->buf, rbuf, n); c->blen = n; return; }
    if (n < 12 || memcmp(rbuf + 9, "101", 3)) { if (n_failed < 3) fprintf(stderr, "upgrade refused: %.*s\n", (int)(n < 200 ? n : 200), rbuf); drop(c, -4); return; }
    if (!memmem(rbuf, n, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28)) { fprintf(stderr, "bad Sec-WebSocket-Accept\n"); drop(c, -4); return; }
    size_t used = e + 4 - rbuf; c->blen = 0;
    do_join(c);
    c->state = S_JOINING;
    if (acks_need <= 0) set_up(c);
    if (n > used) on_data(c, rbuf + used, n - used, now_ns());
    return;
  }
  on_data(c, rbuf, n, now_ns());
}
static uint64_t pct(double q, uint64_t tot) {
  uint64_t want = (uint64_t)(q * tot); if (want >= tot) want = tot - 1; uint64_t acc = 0;
  for (size_t i = 0; i < sizeof hist / sizeof *hist; i++) { acc += hist[i]; if (acc > want) { uint64_t v = bucket_val(i); return v > lat_max ? lat_max : v; } }
  return lat_max;
}
static void reset_run(void) {
  msgs = frames = bytes = recvs = bad_ts = first_ns = last_ns = lat_max = lat_sum = 0; memset(hist, 0, sizeof hist);
  for (int i = 0; i < N; i++) C[i].count = 0;
  closed_in_run = 0; n_close_codes = 0; cpu0 = cpu_s(); run_start = now_ns();
}
static void report(const char *why) {
  uint64_t tot = 0; for (size_t i = 0; i < sizeof hist / sizeof *hist; i++) tot += hist[i];
  double wall = last_ns > first_ns ? (last_ns - first_ns) / 1e9 : 0;
  uint32_t mn = ~0u, mx = 0; for (int i = 0; i < N; i++) { if (C[i].count < mn) mn = C[i].count; if (C[i].count > mx) mx = C[i].count; }
  printf("{\"end\":\"%s\",\"conns\":%d,\"closed_in_run\":%d,\"connect_s\":%.3f,\"msgs\":%llu,\"frames\":%llu,\"bytes\":%llu,\"recvs\":%llu,\"wall_s\":%.4f,\"rate\":%.0f,"
    "\"expect\":%llu,\"missing\":%lld,\"conn_min\":%u,\"conn_max\":%u,\"bad_ts\":%llu,\"first_ns\":%llu,\"last_ns\":%llu,\"lat_us\":{\"mean\":%.0f,\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"p999\":%llu,\"max\":%llu},\"loader_cpu_s\":%.2f,\"close_codes\":[",
    why, n_up, closed_in_run, (t_conn1 - t_conn0) / 1e9, (unsigned long long)msgs, (unsigned long long)frames, (unsigned long long)bytes, (unsigned long long)recvs, wall, wall > 0 ? msgs / wall : 0,
    (unsigned long long)expect_n, (long long)expect_n - (long long)msgs, mn, mx, (unsigned long long)bad_ts, (unsigned long long)first_ns, (unsigned long long)last_ns,
    tot ? (double)lat_sum / tot : 0, (unsigned long long)(tot ? pct(.5, tot) : 0), (unsigned long long)(tot ? pct(.9, tot) : 0), (unsigned long long)(tot ? pct(.99, tot) : 0), (unsigned long long)(tot ? pct(.999, tot) : 0), (unsigned long long)lat_max, cpu_s() - cpu0);
  for (int i = 0; i < n_close_codes; i++) printf("%s%d", i ? "," : "", close_codes[i]);
  printf("]}\n"); fflush(stdout); running = 0;
}
static void usage(void) {
  fputs("wsload [opts]\n"
    " --host H --port P --path /ws     path/header/join templates know {i} {r} {room}\n"
    " -n N  --batch B                  connections, connects in flight\n"
    " --src-per-ip K [--src-block B]   bind K connections per 127.1.x.y source address\n"
    " --subproto S --header 'K: V'     (repeatable)\n"
    " --mode none|text|mqtt|nats|centrifuge   --join TEMPLATE (text; repeatable) --join-binary\n"
    " --rooms R --rooms-per K --room-stride S --room-base B --room-fmt 'd{r}'   conn i joins rooms base+(i+k*S)%R\n"
    " --ack STR --acks K               wait for K occurrences per connection before it counts as up (mqtt: SUBACK, nats: PONG by default)\n"
    " --marker STR ('\"ts\":')  --coalesce-us U (sleep between epoll batches)\n"
    " --expect E --idle-ms I --max-s S  one-shot run; without --expect: commands on stdin:\n"
    "    run EXPECT IDLE_MS MAX_MS | expect E | stop | status | quit\n", stderr);
  exit(2);
}
int main(int argc, char **argv) {
  static struct option o[] = {{"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"path", 1, 0, 'P'}, {"batch", 1, 0, 'b'}, {"src-per-ip", 1, 0, 's'}, {"src-block", 1, 0, 'K'},
    {"subproto", 1, 0, 'S'}, {"header", 1, 0, 'H'}, {"mode", 1, 0, 'm'}, {"join", 1, 0, 'j'}, {"join-binary", 0, 0, 'B'}, {"rooms", 1, 0, 'r'}, {"rooms-per", 1, 0, 'R'},
    {"room-stride", 1, 0, 't'}, {"room-base", 1, 0, 'q'}, {"room-fmt", 1, 0, 'f'}, {"ack", 1, 0, 'a'}, {"acks", 1, 0, 'A'}, {"marker", 1, 0, 'M'}, {"coalesce-us", 1, 0, 'c'},
    {"expect", 1, 0, 'e'}, {"idle-ms", 1, 0, 'I'}, {"max-s", 1, 0, 'X'}, {"settle-ms", 1, 0, 'Z'}, {0}};
  int ch, idle_ms = 1500, max_s = 60, oneshot = 0;
  while ((ch = getopt_long(argc, argv, "n:", o, 0)) != -1) switch (ch) {
    case 'n': N = atoi(optarg); break; case 'h': host = optarg; break; case 'p': port = atoi(optarg); break; case 'P': path = optarg; break;
    case 'b': batch = atoi(optarg); break; case 's': src_per_ip = atoi(optarg); break; case 'K': src_block = atoi(optarg); break; case 'S': subproto = optarg; break;
    case 'H': if (strlen(headers) + strlen(optarg) + 4 < sizeof headers) { strcat(headers, optarg); strcat(headers, "\r\n"); } break;
    case 'm': mode = !strcmp(optarg, "text") ? M_TEXT : !strcmp(optarg, "mqtt") ? M_MQTT : !strcmp(optarg, "nats") ? M_NATS : !strcmp(optarg, "centrifuge") ? M_CENTRIFUGE : M_NONE; break;
    case 'j': if (njoins < 8) joins[njoins++] = optarg; break; case 'B': join_binary = 1; break; case 'r': rooms = atoi(optarg); break; case 'R': rooms_per = atoi(optarg); break;
    case 't': room_stride = atoi(optarg); break; case 'q': room_base = atoi(optarg); break; case 'f': room_fmt = optarg; break; case 'a': ack = optarg; break; case 'A': acks_need = atoi(optarg); break;
    case 'M': marker = optarg; break; case 'c': coalesce_us = atoi(optarg); break; case 'e': expect_n = strtoull(optarg, 0, 10); oneshot = 1; break;
    case 'I': idle_ms = atoi(optarg); break; case 'X': max_s = atoi(optarg); break; case 'Z': settle_ms = atoi(optarg); break; default: usage();
  }
  if (mode == M_MQTT) { if (!subproto) subproto = "mqtt"; acks_need = 1; }
  if (mode == M_NATS) { ack = "PONG"; acks_need = 1; }
  if (mode == M_CENTRIFUGE) { ack = "\"id\":"; acks_need = 1 + rooms_per; }
  if (acks_need < 0) acks_need = ack ? rooms_per : 0;
  signal(SIGPIPE, SIG_IGN);
  mlen = strlen(marker); C = calloc(N, sizeof *C); scratch = malloc((16 << 20) + 4096); ep = epoll_create1(0);
  fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
  if (!oneshot) { struct epoll_event e = {.events = EPOLLIN, .data.u32 = ~0u}; epoll_ctl(ep, EPOLL_CTL_ADD, 0, &e); }
  t_conn0 = now_ns(); uint64_t last_prog = t_conn0; int ready = 0, last_up = 0;
  struct epoll_event ev[512]; char line[4096]; size_t ll = 0;
  for (;;) {
    while (!ready && next_conn < N && n_inflight < batch) start_connect(next_conn++);
    int n = epoll_wait(ep, ev, 512, 20);
    for (int i = 0; i < n; i++) {
      if (ev[i].data.u32 == ~0u) {
        ssize_t r = read(0, line + ll, sizeof line - 1 - ll);
        if (r == 0) return 0;
        if (r > 0) { ll += r; line[ll] = 0; char *s = line, *nl;
          while ((nl = strchr(s, '\n'))) { *nl = 0; unsigned long long a = 0, b = 1500, d = 60000;
            if (!strncmp(s, "run", 3)) { sscanf(s + 3, "%llu %llu %llu", &a, &b, &d); reset_run(); expect_n = a; run_idle_ns = b * 1000000ull; run_max_ns = d * 1000000ull; running = 1; printf("{\"started\":true}\n"); fflush(stdout); }
            else if (!strncmp(s, "expect", 6)) sscanf(s + 6, "%llu", (unsigned long long *)&expect_n);
            else if (!strcmp(s, "stop")) report("stop");
            else if (!strcmp(s, "status")) { printf("{\"conns\":%d,\"closed\":%d,\"msgs\":%llu}\n", n_up, n_closed, (unsigned long long)msgs); fflush(stdout); }
            else if (!strcmp(s, "quit")) { for (int k = 0; k < N; k++) if (C[k].fd > 0 && C[k].state != S_CLOSED && C[k].state != S_FREE) fd_close(&C[k]); return 0; }
            s = nl + 1; }
          ll = strlen(s); memmove(line, s, ll + 1); }
        continue;
      }
      on_event(&C[ev[i].data.u32], ev[i].events);
    }
    uint64_t now = now_ns();
    if (!ready) {
      if (n_up != last_up) { last_up = n_up; last_prog = now; }
      int done = next_conn >= N && n_inflight == 0;
      if ((done && now - t_conn1 > (uint64_t)settle_ms * 1000000ull) || now - last_prog > 10000000000ull) {
        ready = 1;
        printf("{\"ready\":true,\"conns\":%d,\"failed\":%d,\"unfinished\":%d,\"connect_s\":%.3f,\"connects_per_s\":%.0f,\"loader_cpu_s\":%.2f}\n", n_up, n_failed, n_inflight, (t_conn1 - t_conn0) / 1e9, n_up / ((t_conn1 - t_conn0) / 1e9 + 1e-9), cpu_s());
        fflush(stdout);
        if (oneshot) { uint64_t e = expect_n; reset_run(); now = run_start; expect_n = e; running = 1; run_idle_ns = idle_ms * 1000000ull; run_max_ns = max_s * 1000000000ull; }
      }
    }
    if (running) {
      const char *why = 0;
      if (expect_n && msgs >= expect_n) why = "complete";
      else if (last_ns && now > last_ns && now - last_ns > run_idle_ns) why = "idle";
      else if (now - run_start > run_max_ns) why = "timeout";
      if (why) { report(why); if (oneshot) return 0; }
    }
    if (coalesce_us && running && n > 0) usleep(coalesce_us);
  }
}
