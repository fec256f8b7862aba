// The contract between Weir and a plugin: a shared object that Weir loads at start.
//
// Pure C. A C++ author is better served by plugin.hpp, which stands on this file alone; any
// language that can export a C function can use this one.
//
// How it goes. Weir calls the one function that a plugin exports, weir_plugin_entry(), with a table
// of what Weir offers (weir_host). The plugin answers with a description of itself (weir_plugin): a
// list of kinds, each an extension of one category: an HTTP filter, a network filter, a
// load-balancing policy, a health checker, a stickiness, an access logger, a route provider. A kind
// is a struct of functions that Weir calls.
//
// Objects. For each place in the configuration file that names the extension, Weir makes a *config*
// (on the main thread). Each worker thread makes a *worker* of it when it begins to use it. For
// each stream or connection the worker makes a *state*. The plugin owns what its create functions
// return until the matching destroy function is called. A kind may leave out functions (NULL): then
// the stated default applies, and Weir does not even make the call.
//
// Threads. "main" and "worker" in the comments below say on which thread a function is called, or
// may be called. Everything that belongs to one stream, connection, worker or probe is used on the
// thread of its weir_loop and on no other. What may be called from any thread says so: log(),
// fault(), the functions of tickets and those of dictionaries. A callback must not block: it holds
// up every other connection of its thread. Weir measures how long callbacks take, counts the slow
// ones and logs them.
//
// Texts. A weir_str is a pointer and a length and need not end with a zero byte. What Weir hands to
// a plugin is good during the call, unless a longer time is stated; what a plugin hands to Weir is
// copied during the call, unless stated otherwise. An empty text may have a NULL pointer.
//
// Errors. No exception, longjmp or signal may cross the boundary in either direction. A crash in a
// plugin is a crash of the process.
//
// Versions. The promise: a plugin built for ABI 1.x loads in every Weir with ABI 1.y, y >= x.
// - Every struct begins with `size`, the number of bytes that its author knew. (The exceptions are
//   the five value types below, which never change.) New members are added at the end only.
// - Weir reads only `size` bytes of a plugin's struct; what lies behind counts as zero.
// - A plugin looks at `size` of Weir's structs before it uses a member that came after the ABI
//   version that it wants at least: WEIR_HAS().
// - The first members of weir_plugin and weir_host and the signature of weir_plugin_entry() stay as
//   they are in all major versions, so that each side can refuse the other with a clear word.
#ifndef WEIR_PLUGIN_PLUGIN_H_
#define WEIR_PLUGIN_PLUGIN_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_PLUGIN_ABI_MAJOR 1
#define WEIR_PLUGIN_ABI_MINOR 0

// Put before the definition of weir_plugin_entry(). Build everything else with -fvisibility=hidden.
#if defined(__GNUC__)
#define WEIR_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define WEIR_PLUGIN_EXPORT
#endif

// Whether the struct that `pointer` points to, of the given type, reaches as far as `member`, and
// has it. For members that are functions or pointers.
#define WEIR_HAS(pointer, type, member)                                                          \
  ((pointer) != NULL && (pointer)->size >= offsetof(type, member) + sizeof((pointer)->member) && \
   (pointer)->member != NULL)

// Value types ------------------------------------------------------------------------------------
// These five never change, so they carry no size.

typedef struct weir_str {
  const char* data;  // may be NULL when size is 0; not zero-terminated
  size_t size;
} weir_str;

typedef struct weir_field {  // of a head or of trailers
  weir_str name;
  weir_str value;
} weir_field;

typedef struct weir_label {  // of a metric
  weir_str name;
  weir_str value;
} weir_label;

enum { WEIR_VALUE_NONE = 0, WEIR_VALUE_TEXT = 1, WEIR_VALUE_NUMBER = 2, WEIR_VALUE_BOOL = 3 };
typedef struct weir_value {
  uint32_t type;  // WEIR_VALUE_…
  int32_t boolean;
  double number;
  weir_str text;
} weir_value;

// Room for a text that Weir has to compose: see weir_host.info_text.
typedef struct weir_scratch {
  char bytes[256];
} weir_scratch;

// Handles: Weir's own objects, which a plugin only passes back
// --------------------------------------

typedef struct weir_report weir_report;  // where errors of an entry or config_create go
typedef struct weir_config weir_config;  // what the configuration file says at one place
typedef struct weir_loop weir_loop;      // one config of one kind on one thread
typedef struct weir_scope weir_scope;    // what timers, calls and tickets end with
typedef struct weir_ticket weir_ticket;  // a way back into a scope from any thread
typedef struct weir_timer weir_timer;
typedef struct weir_call weir_call;        // an HTTP call that is under way
typedef struct weir_headers weir_headers;  // a head with its fields, or trailers
typedef struct weir_buffer weir_buffer;    // a queue of bytes
typedef struct weir_info weir_info;        // facts of one exchange or connection
typedef struct weir_counter weir_counter;
typedef struct weir_gauge weir_gauge;
typedef struct weir_histogram weir_histogram;
typedef struct weir_dictionary weir_dictionary;
typedef struct weir_file weir_file;
typedef struct weir_http_stream weir_http_stream;
typedef struct weir_connection weir_connection;
typedef struct weir_hosts weir_hosts;    // endpoints among which one is chosen
typedef struct weir_pick weir_pick;      // what one choice may look at
typedef struct weir_sticky weir_sticky;  // one request's part in stickiness
typedef struct weir_sticky_cluster weir_sticky_cluster;
typedef struct weir_probe weir_probe;

typedef struct weir_host weir_host;
typedef struct weir_http_api weir_http_api;
typedef struct weir_network_api weir_network_api;
typedef struct weir_balancer_api weir_balancer_api;
typedef struct weir_sticky_api weir_sticky_api;
typedef struct weir_probe_api weir_probe_api;

// What a filter says after a callback. Anything else counts as WEIR_FAIL.
enum {
  WEIR_CONTINUE = 0,  // hand the same on to the next filter now
  WEIR_PAUSE = 1,     // stop here until resume(); also after a local reply, a reset or a fail()
  WEIR_FAIL = 2  // the plugin has failed: the stream ends with 500, or a reset; a connection closes
};

enum {
  WEIR_LOG_TRACE = 0,
  WEIR_LOG_DEBUG = 1,
  WEIR_LOG_INFO = 2,
  WEIR_LOG_WARNING = 3,
  WEIR_LOG_ERROR = 4
};

// Directions of an exchange.
enum { WEIR_REQUEST = 0, WEIR_RESPONSE = 1 };

// Which part of a message: weir_http_api.headers.
enum {
  WEIR_REQUEST_HEADERS = 0,
  WEIR_REQUEST_TRAILERS = 1,
  WEIR_RESPONSE_HEADERS = 2,
  WEIR_RESPONSE_TRAILERS = 3
};

// Facts that are texts: weir_host.info_text. "List" facts have several values, by index from 0.
enum {
  WEIR_TEXT_DOWNSTREAM_ADDRESS =
      1,  // the client's, after X-Forwarded-For is taken into account: "10.0.0.1:4711"
  WEIR_TEXT_DOWNSTREAM_DIRECT_ADDRESS = 2,  // the peer of the socket
  WEIR_TEXT_DOWNSTREAM_LOCAL_ADDRESS = 3,   // where the client connected to
  WEIR_TEXT_ORIGINAL_DESTINATION = 4,       // before a redirect rule sent it here
  WEIR_TEXT_REQUEST_ID = 6,
  WEIR_TEXT_ROUTE = 7,  // the route's name
  WEIR_TEXT_VIRTUAL_HOST = 8,
  WEIR_TEXT_CLUSTER = 9,
  WEIR_TEXT_UPSTREAM_ADDRESS = 10,
  WEIR_TEXT_SERVER_NAME = 11,     // SNI, or found by looking
  WEIR_TEXT_RESPONSE_FLAGS = 12,  // as access logs print them: "UF,URX"
  WEIR_TEXT_DETAIL = 13,          // why Weir itself answered: "route_not_found"
  WEIR_TEXT_TLS_VERSION = 14,     // "TLSv1.3"; not given when the connection is plain
  WEIR_TEXT_TLS_CIPHER = 15,
  WEIR_TEXT_TLS_SESSION_ID = 16,
  WEIR_TEXT_PEER_SUBJECT = 17,  // of the client's certificate, as the following
  WEIR_TEXT_PEER_ISSUER = 18,
  WEIR_TEXT_PEER_SERIAL = 19,
  WEIR_TEXT_PEER_SHA256 = 20,
  WEIR_TEXT_PEER_PEM = 21,
  WEIR_TEXT_PEER_DNS_NAME = 22,    // list
  WEIR_TEXT_PEER_URI = 23,         // list
  WEIR_TEXT_PEER_EMAIL = 24,       // list
  WEIR_TEXT_LOCAL_SUBJECT = 25,    // of the own certificate
  WEIR_TEXT_LOCAL_DNS_NAME = 26,   // list
  WEIR_TEXT_LOCAL_URI = 27,        // list
  WEIR_TEXT_OFFERED_PROTOCOL = 28  // by ALPN; list
};

// Facts that are numbers: weir_host.info_number. Times after the start are in nanoseconds and not
// given until they are reached.
enum {
  WEIR_NUMBER_START_TIME = 1,        // nanoseconds since 1970
  WEIR_NUMBER_REQUEST_COMPLETE = 2,  // after the start, as the following
  WEIR_NUMBER_UPSTREAM_STARTED = 3,
  WEIR_NUMBER_UPSTREAM_FIRST_BYTE = 4,
  WEIR_NUMBER_RESPONSE_STARTED = 5,
  WEIR_NUMBER_ENDED = 6,
  WEIR_NUMBER_REQUEST_BYTES = 7,   // body; of a connection: received
  WEIR_NUMBER_RESPONSE_BYTES = 8,  // body; of a connection: sent
  WEIR_NUMBER_STATUS = 9,          // that was sent; not given when none was
  WEIR_NUMBER_GRPC_STATUS = 10,
  WEIR_NUMBER_ATTEMPTS = 11,         // towards endpoints
  WEIR_NUMBER_CONNECTION_ID = 12,    // of the client's connection, unique in the process
  WEIR_NUMBER_TLS_RESUMED = 13,      // 0 or 1; not given when the connection is plain
  WEIR_NUMBER_PEER_VERIFIED = 14,    // 0 or 1: the client's certificate was checked
  WEIR_NUMBER_PEER_NOT_BEFORE = 15,  // seconds since 1970
  WEIR_NUMBER_PEER_NOT_AFTER = 16
};

// HTTP calls --------------------------------------------------------------------------------------

typedef struct weir_call_request {
  uint32_t size;
  uint32_t timeout_ms;  // of the whole call; 0: 5000
  weir_str cluster;     // of the configuration file
  // ":method", ":path" and ":authority" are required and may stand anywhere; ":scheme" may be
  // given.
  const weir_field* headers;
  size_t header_count;
  weir_str body;  // Content-Length is set from it
  const weir_field* trailers;
  size_t trailer_count;
} weir_call_request;

enum {
  WEIR_CALL_ANSWERED = 0,
  WEIR_CALL_TIMEOUT = 1,
  WEIR_CALL_FAILED = 2,    // no endpoint, no connection, or it broke off
  WEIR_CALL_TOO_LARGE = 3  // the answer's body is over the limit
};

typedef struct weir_call_response {
  uint32_t size;
  uint32_t outcome;              // WEIR_CALL_…
  uint32_t status;               // 0 unless answered
  const weir_headers* headers;   // NULL unless answered
  const weir_headers* trailers;  // NULL when there are none
  weir_str body;
  weir_str error;  // why it failed, for people; empty when answered
} weir_call_response;

// Local replies -----------------------------------------------------------------------------------

enum { WEIR_REPLY_CLOSE_CONNECTION = 1 };

typedef struct weir_reply {
  uint32_t size;
  uint32_t status;  // 200 … 599
  weir_str body;
  weir_str content_type;  // empty: text/plain
  // Further fields of the response. Names that frame a message (Content-Length, Transfer-Encoding,
  // Connection) are left out.
  const weir_field* headers;
  size_t header_count;
  weir_str detail;      // for the access log: one word as "token_expired"; empty: "plugin_reply"
  int32_t grpc_status;  // for a gRPC request; below 0: what `status` means in gRPC
  uint32_t flags;       // WEIR_REPLY_…
} weir_reply;

// What Weir offers to every plugin
// -----------------------------------------------------------------

// Lives as long as the process; each plugin has one of its own. All members of ABI 1.0 are set.
struct weir_host {
  uint32_t size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;
  weir_str version;  // of Weir: "0.1.0"

  // NULL when this Weir does not have the kind.
  const weir_http_api* http;
  const weir_network_api* network;
  const weir_balancer_api* balancer;
  const weir_sticky_api* sticky;
  const weir_probe_api* probe;

  // Log and errors. Any thread.

  // One line of the operational log, in the area "plugin NAME". Control characters are escaped.
  void (*log)(const weir_host* host, int32_t level, weir_str text);
  // Whether log() at that level writes anything.
  int32_t (*log_enabled)(const weir_host* host, int32_t level);
  // An error outside of any stream (in a timer, a post, a thread of the plugin's own): counted as
  // an error of the plugin and logged, at most a few times in a second.
  void (*fault)(const weir_host* host, weir_str text);

  // Adds an error during weir_plugin_entry() or config_create: the create function then fails
  // whatever it returns. `field`: path within the configuration message ("limits[2].rate"), so that
  // the error gets that line and column; empty for the message as a whole. `what` is wrong; `right`
  // says what would be right, or is empty. The thread of the call that gave the report, during it.
  void (*report)(weir_report* report, weir_str field, weir_str what, weir_str right);

  // Configuration: main thread, during config_create or route_config_create. What the functions
  // return is good until that returns.

  // Without a descriptor: what the one field, `text`, says. With one: the message as protobuf text.
  weir_str (*config_text)(const weir_config* config);
  // The message in protobuf's wire format; with or without a descriptor.
  weir_str (*config_message)(const weir_config* config);
  // One scalar field by its path: "limits.rate", "names[2]", "table[0].key". Texts and bytes are as
  // they are, numbers decimal, bools "true" or "false", enums by name. 1: it is given; 0: it is
  // not, and `out` has its default; -1: there is no such scalar field, `out` is empty.
  int32_t (*config_value)(const weir_config* config, weir_str path, weir_str* out);
  // How many elements a repeated field has; of a message or a single field: 1 when it is given,
  // else 0. -1: there is no such field.
  int64_t (*config_count)(const weir_config* config, weir_str path);
  // A file name that the user wrote, resolved against the folder of the configuration file.
  weir_str (*config_path)(const weir_config* config, weir_str name);

  // Loops. The thread of the loop. A weir_loop is good from worker_create (or the create function
  // that was given it) until the matching destroy function returns.

  // 0: the main thread; workers from 1.
  uint32_t (*loop_index)(weir_loop* loop);
  // Nanoseconds, monotonic, as of the start of this turn of the loop; costs nothing.
  uint64_t (*loop_now)(weir_loop* loop);
  // Nanoseconds since 1970, likewise.
  uint64_t (*loop_time)(weir_loop* loop);
  uint64_t (*loop_random)(weir_loop* loop);
  // For what is to live as long as the loop: a periodic timer, a call that belongs to no stream.
  weir_scope* (*loop_scope)(weir_loop* loop);

  // Scopes: of a loop, a stream, a connection, a probe. The thread of the loop. When the scope
  // ends, its timers and calls are gone without a word and its tickets lead nowhere; their handles
  // must not be used afterwards, except for those of tickets.

  // Calls fire(arg) once for each timer_arm(). Resolution 10 ms; never early. fire may arm or
  // destroy it. Not NULL.
  weir_timer* (*timer_create)(weir_scope* scope, void (*fire)(void* arg), void* arg);
  // (Re)starts it.
  void (*timer_arm)(weir_timer* timer, uint64_t delay_ms);
  void (*timer_cancel)(weir_timer* timer);
  // Cancels it for good. Not needed at the end of the scope.
  void (*timer_destroy)(weir_timer* timer);

  // An HTTP request to a cluster; workers only. done(arg, response) is called once, later, never
  // from inside this call; not when the scope ends or call_cancel() is called before. `response` is
  // good during done. NULL when it cannot begin (a malformed request, the main thread): then
  // `error`, which may be NULL, is set to a static text that says why, and done is not called.
  weir_call* (*call)(weir_scope* scope, const weir_call_request* request,
                     void (*done)(void* arg, const weir_call_response* response), void* arg,
                     weir_str* error);
  void (*call_cancel)(weir_call* call);

  // Tickets. ticket_create: the thread of the loop; the others: any thread.

  // A way back into the scope that other threads may keep, for as long as they like. Not NULL. The
  // caller owns one reference.
  weir_ticket* (*ticket_create)(weir_scope* scope);
  weir_ticket* (*ticket_share)(weir_ticket* ticket);  // another reference
  void (*ticket_release)(weir_ticket* ticket);
  // Calls run(arg, owner) exactly once: later on the thread of the loop, with the state (of a
  // stream, connection, probe) or worker (of a loop) that the scope belongs to, where everything
  // may be done that a callback may do. `owner` is NULL when the scope has ended meanwhile: then
  // run may only free `arg`, it may be called on any thread, and from inside ticket_post().
  void (*ticket_post)(weir_ticket* ticket, void (*run)(void* arg, void* owner), void* arg);

  // Heads, fields, trailers. The thread of the loop. Names are compared without regard to case.
  // ":method", ":scheme", ":authority" and ":path" of a request, ":status" of a response and, to
  // read only, ":version" of both ("HTTP/1.1") are reached by these names. Views are good as long
  // as the message: until the stream's end, also when fields are changed meanwhile.

  // The first value. 1: there is one; 0: there is none, `out` is empty.
  int32_t (*headers_get)(const weir_headers* headers, weir_str name, weir_str* out);
  // All values of a name: returns how many there are and writes at most `capacity` of them to
  // `out`, which may be NULL when that is 0.
  size_t (*headers_values)(const weir_headers* headers, weir_str name, weir_str* out,
                           size_t capacity);
  // Number of fields without the names that begin with ":".
  size_t (*headers_size)(const weir_headers* headers);
  // Goes through the fields in order, without the names that begin with ":": 1 and a field in
  // `out`, or 0 at the end. `*cursor` is 0 at first. Fields may be changed on the way; added ones
  // are met.
  int32_t (*headers_next)(const weir_headers* headers, size_t* cursor, weir_field* out);
  // 1: done. 0: nothing was changed, for the name or value is malformed, or the name frames the
  // message or belongs to its connection (Content-Length, Transfer-Encoding, Connection,
  // Keep-Alive, Proxy-Connection, Upgrade, TE, Trailer), or it is Host (set ":authority").
  int32_t (*headers_add)(weir_headers* headers, weir_str name, weir_str value);
  // Replaces the first and removes the others; adds when there is none. Else as headers_add.
  int32_t (*headers_set)(weir_headers* headers, weir_str name, weir_str value);
  // How many were removed. Names that headers_add refuses, and those with ":", stay.
  size_t (*headers_remove)(weir_headers* headers, weir_str name);

  // Buffers. The thread of the loop. A buffer that a callback gets is good during that call;
  // changes in it are changes of the message.

  size_t (*buffer_size)(const weir_buffer* buffer);
  // Copies up to `size` bytes from `offset` on; returns how many.
  size_t (*buffer_copy)(const weir_buffer* buffer, size_t offset, void* out, size_t size);
  // The first `bytes` (or all, when there are fewer) in one piece: copies only when they are not.
  // Good until the buffer is next changed.
  weir_str (*buffer_view)(weir_buffer* buffer, size_t bytes);
  // The first piece: never copies; empty only when the buffer is. Good likewise.
  weir_str (*buffer_front)(const weir_buffer* buffer);
  // Drops the first `bytes`, or all.
  void (*buffer_drain)(weir_buffer* buffer, size_t bytes);
  void (*buffer_append)(weir_buffer* buffer, weir_str bytes);
  void (*buffer_prepend)(weir_buffer* buffer, weir_str bytes);
  // Everything by `bytes`, which may be a view of the same buffer.
  void (*buffer_replace)(weir_buffer* buffer, weir_str bytes);
  // Moves the first `bytes`, or all, to the end of another buffer of the same loop; copies nothing.
  void (*buffer_move)(weir_buffer* from, weir_buffer* to, size_t bytes);
  // A buffer of the plugin's own, destroyed by buffer_destroy before the loop ends. Not NULL.
  weir_buffer* (*buffer_create)(weir_loop* loop);
  void (*buffer_destroy)(weir_buffer* buffer);

  // Facts. The thread of the loop, while the exchange or connection is there.

  // 1: `out` has it, good as long as both the stream and `scratch`, where it is composed if need
  // be; 0: not known, not given, or a fact that this Weir does not have.
  int32_t (*info_text)(const weir_info* info, uint32_t fact, uint32_t index, weir_scratch* scratch,
                       weir_str* out);
  int32_t (*info_number)(const weir_info* info, uint32_t fact, int64_t* out);
  // What filters have found out about an exchange, by name space (a filter's name) and key. 1:
  // `out` has it, good until it is set again; 0: there is none.
  int32_t (*info_metadata)(const weir_info* info, weir_str name_space, weir_str key,
                           weir_value* out);

  // Metrics of the plugin's own. The thread of the loop. The same name and labels give the same
  // metric over all workers. NULL when the name or a label is malformed, the name is taken by
  // another kind of metric, or there are too many; then the reason is logged. A NULL metric may be
  // used and does nothing. Handles are good as long as the loop.

  weir_counter* (*counter)(weir_loop* loop, weir_str name, const weir_label* labels, size_t count);
  void (*counter_add)(weir_counter* counter, uint64_t amount);
  weir_gauge* (*gauge)(weir_loop* loop, weir_str name, const weir_label* labels, size_t count);
  // One value for all workers; these two any thread.
  void (*gauge_set)(weir_gauge* gauge, double value);
  void (*gauge_add)(weir_gauge* gauge, double amount);
  weir_histogram* (*histogram)(weir_loop* loop, weir_str name, const weir_label* labels,
                               size_t count);
  void (*histogram_record)(weir_histogram* histogram, uint64_t value);

  // Shared dictionaries: `shared_dictionaries` of the configuration file. dictionary(): the thread
  // of the loop; the others any thread, while the loop lives.

  // NULL when there is none of that name.
  weir_dictionary* (*dictionary)(weir_loop* loop, weir_str name);
  // Copies the value to `out` as far as `capacity` allows; a number as decimal text, a bool as
  // "true" or "false". Returns its size, or -1: there is none.
  int64_t (*dictionary_get)(weir_dictionary* dictionary, weir_str key, void* out, size_t capacity);
  // 1: `out` has it; 0: there is no value, or it is no number.
  int32_t (*dictionary_number)(weir_dictionary* dictionary, weir_str key, double* out);
  // `ttl_ms` 0: for ever. 1: done; 0: it does not fit.
  int32_t (*dictionary_set)(weir_dictionary* dictionary, weir_str key, weir_str value,
                            uint64_t ttl_ms);
  // Only when there is no value yet. 1: done; 0: there is one, or it does not fit.
  int32_t (*dictionary_add)(weir_dictionary* dictionary, weir_str key, weir_str value,
                            uint64_t ttl_ms);
  // Adds to a number, which begins with 0; `ttl_ms` counts when it begins. 1: `out`, which may be
  // NULL, has the sum; 0: the value is no number, or it does not fit.
  int32_t (*dictionary_incr)(weir_dictionary* dictionary, weir_str key, double amount,
                             uint64_t ttl_ms, double* out);
  // 1: there was one.
  int32_t (*dictionary_remove)(weir_dictionary* dictionary, weir_str key);

  // Files that lines are appended to by a thread of Weir's, so that no worker waits for a disk;
  // opened anew on SIGUSR1. The thread of the loop. An empty path is standard output. NULL: it
  // cannot be opened, which is logged. Good as long as the loop.
  weir_file* (*file_open)(weir_loop* loop, weir_str path);
  // Takes a whole line with its newline; 0: it was dropped and counted, as too much waits.
  int32_t (*file_write)(weir_file* file, weir_str line);
};

// What every kind begins with
// ----------------------------------------------------------------------

enum {
  WEIR_HTTP_FILTER = 1,
  WEIR_NETWORK_FILTER = 2,
  WEIR_LOAD_BALANCING = 3,
  WEIR_HEALTH_CHECKER = 4,
  WEIR_STICKINESS = 5,
  WEIR_ACCESS_LOGGER = 6,
  WEIR_ROUTE_PROVIDER = 7
};

// Never changes in ABI 1: what comes later is added at the end of the structs that begin with it.
typedef struct weir_kind {
  uint32_t size;  // of the whole struct that begins with this one
  uint32_t type;  // WEIR_HTTP_FILTER, …
  // The extension's name in its category: lower-case letters, digits and "_", beginning with a
  // letter, at most 64 bytes. The user writes [http_filters/NAME] { … }.
  weir_str name;
  weir_str about;  // one line for people, or empty
  // The configuration message: a serialized google.protobuf.FileDescriptorSet with the message's
  // file and all that it imports (protoc --include_imports --descriptor_set_out=…), and the
  // message's full name. Both empty: the extension is configured by weir.config.v1.PluginConfig,
  // which has one field, `text`.
  weir_str config_descriptor;
  weir_str config_message;
  void* user;  // given to config_create and route_config_create; may be NULL

  // Main. Makes a config; called for `weir check` too, so it has no side effects. An error goes to
  // weir_host.report; NULL without a report is an error as well. NULL function: the configuration
  // has to be empty, and `config` is NULL everywhere.
  void* (*config_create)(void* user, const weir_config* config, weir_report* report);
  // Any thread, when no worker uses it any more. May be NULL.
  void (*config_destroy)(void* config);

  // Any worker uses the same `config` at the same time: it is read-only. Makes what one worker
  // keeps for all its streams. NULL result: it has failed (fault() says why), and all that would
  // use it fails. NULL function: `config` itself is the worker everywhere.
  void* (*worker_create)(void* config, weir_loop* loop);
  // Worker. The loop ends with this call. Everything that was made of the worker is gone before.
  void (*worker_destroy)(void* worker);

  void* reserved[4];  // NULL
} weir_kind;

// HTTP filters
// -------------------------------------------------------------------------------------

enum {
  WEIR_BODY_NONE = 0,    // it passes by; body callbacks are not called
  WEIR_BODY_STREAM = 1,  // each piece as it comes; WEIR_PAUSE holds pieces back
  WEIR_BODY_COLLECT = 2  // one call with the whole body, up to the limit: over it 413, or 500
};

// How much of the bodies a filter wants to see.
typedef struct weir_body_needs {
  uint32_t size;
  uint32_t request;              // WEIR_BODY_…
  uint32_t response;             // WEIR_BODY_…
  uint32_t collect_limit_bytes;  // 0: 1 MiB
} weir_body_needs;

// All functions: worker. `state` is one stream's. Requests pass filters in configured order,
// responses in reverse.
typedef struct weir_http_filter {
  weir_kind kind;  // type WEIR_HTTP_FILTER

  // Bytes of a stream's state, at most 65536, and their alignment, a power of two up to 16 (0: 16):
  // zeroed memory of the stream's own, so that a filter costs no allocation.
  uint32_t state_size;
  uint32_t state_align;

  // What a route or virtual host says for this filter: as kind.config_create;
  // weir_http_api.route_config finds it. Destroyed by kind.config_destroy. NULL: routes may only
  // switch the filter off.
  void* (*route_config_create)(void* user, const weir_config* config, weir_report* report);

  // Once for each worker: what the filter wants to see of bodies. `needs` is zeroed but for its
  // size. NULL: nothing.
  void (*body_needs)(void* worker, weir_body_needs* needs);

  // A stream begins; `stream` is good until on_end returns. 0: no filter for this stream; then no
  // other function is called for it. NULL: the state stays zeroed (then `stream` is found nowhere
  // but in the arguments of callbacks).
  int32_t (*create)(void* worker, weir_http_stream* stream, void* state);

  // Each returns WEIR_CONTINUE, WEIR_PAUSE or WEIR_FAIL; NULL: continue. After a pause nothing more
  // is shown in that direction until resume(). `end_stream`: nothing follows.
  int32_t (*on_request_head)(void* state, weir_http_stream* stream, int32_t end_stream);
  int32_t (*on_request_body)(void* state, weir_http_stream* stream, weir_buffer* body,
                             int32_t end_stream);
  int32_t (*on_request_trailers)(void* state, weir_http_stream* stream);
  // An interim response (103); cannot be held: WEIR_PAUSE drops it.
  int32_t (*on_informational)(void* state, weir_http_stream* stream);
  int32_t (*on_response_head)(void* state, weir_http_stream* stream, int32_t end_stream);
  int32_t (*on_response_body)(void* state, weir_http_stream* stream, weir_buffer* body,
                              int32_t end_stream);
  int32_t (*on_response_trailers)(void* state, weir_http_stream* stream);

  // The last call of every stream that create() took, well ended or not; the state is gone
  // afterwards. The scope has ended already: no timer, call or ticket comes any more. Headers and
  // facts may still be read.
  void (*on_end)(void* state, weir_http_stream* stream);
} weir_http_filter;

// Worker, between create() and on_end(), from callbacks, timers, calls and posts of the stream.
struct weir_http_api {
  uint32_t size;
  uint32_t reserved;

  // WEIR_REQUEST_HEADERS, …; NULL when that has not come yet.
  weir_headers* (*headers)(weir_http_stream* stream, uint32_t which);
  const weir_info* (*info)(weir_http_stream* stream);
  weir_scope* (*scope)(weir_http_stream* stream);
  weir_loop* (*loop)(weir_http_stream* stream);
  // Memory that lives as long as the stream, aligned to 16. Not NULL.
  void* (*allocate)(weir_http_stream* stream, size_t bytes);

  // Ends a pause in that direction: what was held goes on. Idempotent, also when not paused. From
  // elsewhere than a callback of the filter, the stream may reach its end and on_end be called
  // before it returns.
  void (*resume)(weir_http_stream* stream, uint32_t direction);
  // Answers instead of the upstream; from a callback return WEIR_PAUSE then. After the response has
  // begun, the stream is reset instead. 0: refused, `reply` is malformed. May end the stream as
  // resume().
  int32_t (*local_reply)(weir_http_stream* stream, const weir_reply* reply);
  // Ends the stream abnormally. May end it before it returns, as resume().
  void (*reset)(weir_http_stream* stream, weir_str detail);
  // The plugin has failed for this stream: counted and logged as an error of the plugin; the client
  // gets 500, or a reset when the response has begun. As local_reply().
  void (*fail)(weir_http_stream* stream, weir_str what);

  // Replaces what body_needs said: from on_request_head for both directions, from on_response_head
  // for the response. Ignored elsewhere.
  void (*set_body_needs)(weir_http_stream* stream, const weir_body_needs* needs);
  // From the callback for a head, with WEIR_BODY_STREAM: the head waits while the body behind it is
  // shown, until resume() or the end of the message, so that it may still be changed.
  void (*hold_head)(weir_http_stream* stream, uint32_t direction);
  // Body behind what was shown: from the callback for a head that said end_stream, or for trailers.
  // Takes all of `body`.
  void (*add_body)(weir_http_stream* stream, uint32_t direction, weir_buffer* body);
  // From the callback for a head, before a streaming filter changes the length of the body.
  void (*forget_length)(weir_http_stream* stream, uint32_t direction);

  // What route_config_create made for the stream's route, the most specific one; NULL: nothing.
  // Looks the route up when it is not known yet.
  void* (*route_config)(weir_http_stream* stream);
  // Forgets the route: it is looked up again, from the changed head, when next needed.
  void (*clear_route)(weir_http_stream* stream);
  // The endpoint that the request is to go to, by id or address; where the cluster allows it
  // (load_balancing/override). Empty: any.
  void (*override_host)(weir_http_stream* stream, weir_str endpoint);
  // 1: done; 0: no room for more. WEIR_VALUE_NONE removes.
  int32_t (*set_metadata)(weir_http_stream* stream, weir_str name_space, weir_str key,
                          const weir_value* value);
};

// Network filters
// ----------------------------------------------------------------------------------

// All functions: worker.
typedef struct weir_network_filter {
  weir_kind kind;  // type WEIR_NETWORK_FILTER

  uint32_t state_size;   // as of HTTP filters, zeroed
  uint32_t state_align;  // likewise
  // 1: it is the last of its chain and takes the bytes for good, as a proxy or server does.
  uint32_t terminal;
  uint32_t reserved;

  // A connection was accepted; `connection` is good until on_close returns. 0: refused, it is
  // closed at once, and no other function is called for it. NULL: the state stays zeroed.
  int32_t (*create)(void* worker, weir_connection* connection, void* state);
  // Once, before any data: the handshake is done, facts of TLS are there. WEIR_PAUSE keeps
  // everything from the filters behind until resume().
  int32_t (*on_connected)(void* state, weir_connection* connection);
  // Bytes of the client. What is left in `data` goes on with WEIR_CONTINUE; with WEIR_PAUSE it is
  // offered again with what comes next, or goes on with resume(). NULL: bytes pass unseen.
  int32_t (*on_data)(void* state, weir_connection* connection, weir_buffer* data,
                     int32_t end_stream);
  // Bytes on their way to the client. A filter that pauses takes them out first and sends them on
  // with weir_network_api.write; what it leaves is dropped. NULL: bytes pass unseen.
  int32_t (*on_write)(void* state, weir_connection* connection, weir_buffer* data,
                      int32_t end_stream);
  // The client takes less than is written: stop producing. / It has caught up: go on.
  void (*on_blocked)(void* state, weir_connection* connection, int32_t blocked);
  // The worker is draining: finish and close soon.
  void (*on_drain)(void* state, weir_connection* connection);
  // The last call of every connection that create() took; the scope has ended already.
  void (*on_close)(void* state, weir_connection* connection);
} weir_network_filter;

enum {
  WEIR_CLOSE_FLUSH = 0,  // what was written goes out first
  WEIR_CLOSE_NOW = 1,
  WEIR_CLOSE_RESET = 2
};

// Worker, between create() and on_close().
struct weir_network_api {
  uint32_t size;
  uint32_t reserved;

  const weir_info* (*info)(weir_connection* connection);
  weir_scope* (*scope)(weir_connection* connection);
  weir_loop* (*loop)(weir_connection* connection);
  // After a pause of on_connected or on_data: lets the connection, and what was left, go on to the
  // filters behind. Idempotent. From a callback, return WEIR_CONTINUE instead.
  void (*resume)(weir_connection* connection);
  // Towards the client, through the filters before this one. Takes all of `data`, which may be NULL
  // with end_stream, which ends the own side.
  void (*write)(weir_connection* connection, weir_buffer* data, int32_t end_stream);
  // 0: reads no more from the client until 1. For terminal filters.
  void (*read_enable)(weir_connection* connection, int32_t enabled);
  // Idempotent. on_close comes later, not from inside.
  void (*close)(weir_connection* connection, uint32_t how);
  // The plugin has failed for this connection: counted and logged, the connection closes.
  void (*fail)(weir_connection* connection, weir_str what);
  // The cluster that a terminal filter behind this one is to use. 0: there is none of that name.
  int32_t (*set_cluster)(weir_connection* connection, weir_str cluster);
};

// Load balancing
// -----------------------------------------------------------------------------------

enum {
  WEIR_HEALTH_UNKNOWN = 0,
  WEIR_HEALTH_HEALTHY = 1,
  WEIR_HEALTH_DEGRADED = 2,
  WEIR_HEALTH_UNHEALTHY = 3,
  WEIR_HEALTH_DRAINING = 4,
  WEIR_HEALTH_DISABLED = 5
};

// One endpoint. The texts of `id` and `locality` are good as long as the weir_hosts.
typedef struct weir_endpoint {
  uint32_t size;      // set by the plugin before it asks: what it has room for
  uint32_t weight;    // 1 … 65535
  uint32_t priority;  // 0 is the highest
  uint32_t health;    // WEIR_HEALTH_…
  weir_str id;
  weir_str locality;
  uint64_t uid;  // never 0; the same endpoint has the same one in every set of hosts and process
} weir_endpoint;

// A policy that chooses among equals: priorities, localities, slow start and endpoints that are
// full are Weir's business. All functions: worker. There is one balancer for each cluster, worker
// and group of endpoints.
typedef struct weir_load_balancing {
  weir_kind kind;  // type WEIR_LOAD_BALANCING

  // 1: pick() wants a hash (weir_balancer_api.hash), by the hash keys of route or cluster, or else
  // any.
  uint32_t uses_hash;
  uint32_t reserved;

  // Required. Not NULL; NULL: as when the worker failed.
  void* (*balancer_create)(void* worker, weir_str cluster);
  void (*balancer_destroy)(void* balancer);
  // The endpoints to choose among: before the first pick, and whenever they change. `hosts` is good
  // until the next such call. Indices of before mean nothing any more: keep state by uid.
  void (*on_hosts)(void* balancer, weir_hosts* hosts);
  // Required. The index of one of `hosts`, preferably one that tried() does not say of; anything
  // outside is an error of the plugin, and the request fails with 503. There is at least one.
  int32_t (*pick)(void* balancer, weir_hosts* hosts, const weir_pick* pick);
  // What became of a pick: `took_us` is 0 when no connection was found.
  void (*on_response)(void* balancer, weir_hosts* hosts, uint32_t index, uint64_t took_us,
                      int32_t success);
} weir_load_balancing;

// Worker, from callbacks of a balancer or a stickiness.
struct weir_balancer_api {
  uint32_t size;
  uint32_t reserved;

  uint32_t (*hosts_size)(const weir_hosts* hosts);
  // Fills in as much of `out` as its size says. 0: no such index.
  int32_t (*endpoint)(const weir_hosts* hosts, uint32_t index, weir_endpoint* out);
  int32_t (*endpoint_address)(const weir_hosts* hosts, uint32_t index, weir_scratch* scratch,
                              weir_str* out);
  int32_t (*endpoint_metadata)(const weir_hosts* hosts, uint32_t index, weir_str key,
                               weir_str* out);
  // Requests in progress that this worker has put on it.
  uint32_t (*in_flight)(const weir_hosts* hosts, uint32_t index);
  // 1: one of its own limits is reached.
  int32_t (*full)(const weir_hosts* hosts, uint32_t index);

  // 1: this request has been there, or it is to be avoided for another reason.
  int32_t (*tried)(const weir_pick* pick, const weir_hosts* hosts, uint32_t index);
  uint32_t (*attempt)(const weir_pick* pick);  // 0 first, then retries
  // 0: there is none.
  int32_t (*hash)(const weir_pick* pick, uint64_t* out);
  // These two are NULL when it is not HTTP.
  const weir_headers* (*headers)(const weir_pick* pick);
  const weir_info* (*info)(const weir_pick* pick);
  // The client's address. 0: not known.
  int32_t (*source)(const weir_pick* pick, weir_scratch* scratch, weir_str* out);
};

// Stickiness
// ---------------------------------------------------------------------------------------

enum { WEIR_STICKY_UNBOUND = 0, WEIR_STICKY_BOUND = 1, WEIR_STICKY_WAIT = 2 };

// Says which endpoint a client belongs to, by weir_endpoint.uid. Whether it can go there is Weir's
// business. All functions: worker. There is one binding for each cluster and worker.
typedef struct weir_stickiness {
  weir_kind kind;  // type WEIR_STICKINESS

  // 1: it knows clients of connections too; else it is for HTTP alone.
  uint32_t serves_connections;
  // How long a request waits for found() at most; then it is cancelled and goes on as one that
  // belongs nowhere. 0: 100.
  uint32_t wait_ms;

  // Required; `cluster` is good until binding_destroy.
  void* (*binding_create)(void* worker, weir_sticky_cluster* cluster);
  void (*binding_destroy)(void* binding);
  // Required. WEIR_STICKY_BOUND with `*uid` set; WEIR_STICKY_UNBOUND; or, when
  // weir_sticky_api.may_wait says so, WEIR_STICKY_WAIT: then found() must follow.
  uint32_t (*find)(void* binding, const weir_pick* pick, weir_sticky* sticky, uint64_t* uid);
  // Nobody waits for found() any more. Required for WEIR_STICKY_WAIT.
  void (*cancel)(void* binding, weir_sticky* sticky);
  // `uid` was chosen, and is where the client belongs, or is to belong from now on. Not called when
  // another one serves just this request. Returns where it belongs now: `uid`; that of another
  // endpoint, when another request was faster: then the request goes there if it can; or 0: it is
  // not bound, as with kinds that learn from answers.
  uint64_t (*on_chosen)(void* binding, const weir_pick* pick, weir_sticky* sticky, uint64_t uid);
  // The request is about to go to that endpoint.
  void (*on_send)(void* binding, weir_sticky* sticky, weir_headers* request);
  // The head of its answer is about to be passed on: the place to set a cookie.
  void (*on_answer)(void* binding, const weir_pick* pick, weir_sticky* sticky, uint64_t uid,
                    weir_headers* response);
} weir_stickiness;

// Worker.
struct weir_sticky_api {
  uint32_t size;
  uint32_t reserved;

  weir_str (*cluster_name)(const weir_sticky_cluster* cluster);
  // The uid of the endpoint with that id, as the cluster has it now; 0: there is none.
  uint64_t (*uid_of)(const weir_sticky_cluster* cluster, weir_str id);
  // The id of an endpoint, good during the call; empty: there is none.
  weir_str (*id_of)(const weir_sticky_cluster* cluster, uint64_t uid);
  // Eight bytes of the plugin's own for one request, zero at first, from find() to on_answer().
  uint64_t* (*note)(weir_sticky* sticky);
  // 1: find() may say WEIR_STICKY_WAIT.
  int32_t (*may_wait)(const weir_sticky* sticky);
  // What find() waited for has come; `uid` 0: nobody knows. Once, not after cancel(). find() is
  // called again, later, not from inside this: what it then does not know itself is as said here.
  void (*found)(weir_sticky* sticky, uint64_t uid);
};

// Health checkers
// ----------------------------------------------------------------------------------

enum {
  WEIR_PROBE_HEALTHY = 0,
  WEIR_PROBE_DEGRADED = 1,  // it serves, and asks for less traffic
  WEIR_PROBE_UNHEALTHY = 2,
  WEIR_PROBE_SKIPPED = 3  // it was not asked: says nothing
};

// Whom a probe asks; good as long as the probe.
typedef struct weir_probe_target {
  uint32_t size;
  uint32_t reserved;
  weir_str cluster;
  weir_str id;
  weir_str address;  // "10.0.0.1:80", with the port of the check where that is another one
} weir_probe_target;

// Asks endpoints how they are. All functions: main; worker_create is called on the main thread,
// once for each check of a cluster. Weir keeps the time: a probe that takes too long is cancelled.
typedef struct weir_health_checker {
  weir_kind kind;  // type WEIR_HEALTH_CHECKER

  // Bytes of a probe's state, as of HTTP filters, zeroed.
  uint32_t state_size;
  uint32_t state_align;

  // `probe` and `target` are good until probe_destroy returns. NULL: the state stays zeroed.
  void (*probe_create)(void* worker, weir_probe* probe, const weir_probe_target* target,
                       void* state);
  void (*probe_destroy)(void* state);
  // Required. Begins one question; done() must follow, from here or later.
  void (*start)(void* state, weir_probe* probe);
  // Gives up what is under way; done() is not to follow. The connection of connect() is closed.
  void (*cancel)(void* state, weir_probe* probe);

  // Of the connection that weir_probe_api.connect makes.
  void (*on_connected)(void* state, weir_probe* probe);
  void (*on_data)(void* state, weir_probe* probe, weir_buffer* data, int32_t end_stream);
  // It could not be made, or has ended; not after close(). `why` is for people. NULL, or no done()
  // from it: the probe is unhealthy, with `why` as its reason.
  void (*on_closed)(void* state, weir_probe* probe, weir_str why);
} weir_health_checker;

// Main.
struct weir_probe_api {
  uint32_t size;
  uint32_t reserved;

  // Ends with the probe: not with each question.
  weir_scope* (*scope)(weir_probe* probe);
  // What the question has come to; `reason` is one line for people, may be empty when healthy.
  // Closes the connection when what was written is out. Ignored when no question is under way.
  void (*done)(weir_probe* probe, uint32_t verdict, weir_str reason);
  // Connects to the target, with the transport (TLS) of the check; on_connected or on_closed
  // follow, later. At most one connection at a time: a second call does nothing.
  void (*connect)(weir_probe* probe);
  // 0: there is no connection.
  int32_t (*write)(weir_probe* probe, weir_str bytes);
  void (*close)(weir_probe* probe);
};

// Access loggers
// -----------------------------------------------------------------------------------

typedef struct weir_access_logger {
  weir_kind kind;  // type WEIR_ACCESS_LOGGER

  // Required. Worker. Once for each exchange, at its end; must not block. For connections without
  // HTTP the three heads are NULL; `response` and `trailers` are NULL when there were none.
  void (*log)(void* worker, const weir_headers* request, const weir_headers* response,
              const weir_headers* trailers, const weir_info* info);
} weir_access_logger;

// Route providers
// ----------------------------------------------------------------------------------

enum {
  WEIR_ROUTE_TABLE = 0,    // no opinion: the route table decides
  WEIR_ROUTE_CLUSTER = 1,  // to `cluster`, with the options of `out`
  WEIR_ROUTE_NONE = 2,     // 404
  WEIR_ROUTE_FAIL = 3      // the plugin has failed: 500
};

#define WEIR_DEFAULT_MS UINT64_MAX

// Filled in by the plugin, as far as `size`, which Weir sets, goes. The texts have to be good until
// resolve() is next called for that worker. What is rewritten is so from here on: for the filters
// that come later and in access logs as well.
typedef struct weir_route_choice {
  uint32_t size;
  uint32_t reserved;
  weir_str cluster;          // of the configuration file
  weir_str name;             // for logs, or empty
  uint64_t timeout_ms;       // of the whole exchange; WEIR_DEFAULT_MS, which it is at first: the
                             // default; 0: none
  uint64_t idle_timeout_ms;  // likewise
  weir_str host_rewrite;     // ":authority" for the endpoint; empty: as it is
  weir_str path_rewrite;     // path with query for the endpoint; empty: as it is
} weir_route_choice;

typedef struct weir_route_provider {
  weir_kind kind;  // type WEIR_ROUTE_PROVIDER

  // Required. Worker. Once for each request when its route is needed, and again after its route was
  // cleared. Must not block.
  uint32_t (*resolve)(void* worker, const weir_headers* request, const weir_info* info,
                      weir_route_choice* out);
} weir_route_provider;

// The plugin itself
// --------------------------------------------------------------------------------

typedef struct weir_plugin {
  uint32_t size;
  // What it was built for: WEIR_PLUGIN_ABI_MAJOR, and the least minor version that it needs of
  // Weir.
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t kind_count;  // 1 … 64
  weir_str name;        // as in `plugins { name: … }` of the configuration file
  weir_str version;     // the author's own: "1.4.2"
  weir_str about;       // one line for people, or empty
  // Each begins with a weir_kind.
  const weir_kind* const* kinds;
} weir_plugin;

// What a plugin exports. Main, once, when it is loaded. The result and all that it refers to lives
// as long as the process: a plugin is never unloaded. NULL: it cannot serve; report() says why.
// `host` lives as long as the process too; keep it.
typedef const weir_plugin* (*weir_plugin_entry_function)(const weir_host* host,
                                                         weir_report* report);
WEIR_PLUGIN_EXPORT const weir_plugin* weir_plugin_entry(const weir_host* host, weir_report* report);

#ifdef __cplusplus
}
#endif

#endif  // WEIR_PLUGIN_PLUGIN_H_
