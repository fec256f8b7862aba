// A plugin in plain C: an HTTP filter that tells clients who has served them. The configuration's
// text is what the field x-served-by is to say.
#include <stdlib.h>
#include <string.h>
#include <weir/plugin/plugin.h>

static const weir_host* host;

static weir_str text(const char* chars) {
  weir_str str = {chars, strlen(chars)};
  return str;
}

static void* create_config(void* user, const weir_config* config, weir_report* report) {
  weir_str value = host->config_text(config);
  char* copy;
  (void)user;
  if (value.size == 0 || value.size > 200) {
    host->report(report, text("text"), text("is empty or too long"), text("write a name"));
    return NULL;
  }
  copy = malloc(value.size + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, value.data, value.size);
  copy[value.size] = '\0';
  return copy;
}

// There is nothing to keep for each worker, so the worker is the config; the state of a stream is a
// pointer to it.
typedef struct stream_state {
  const char* name;
} stream_state;

static int32_t create_stream(void* worker, weir_http_stream* stream, void* state) {
  (void)stream;
  ((stream_state*)state)->name = worker;
  return 1;
}

static int32_t on_response_head(void* state, weir_http_stream* stream, int32_t end_stream) {
  const char* name = ((stream_state*)state)->name;
  (void)end_stream;
  host->headers_set(host->http->headers(stream, WEIR_RESPONSE_HEADERS), text("x-served-by"),
                    text(name));
  return WEIR_CONTINUE;
}

static weir_http_filter filter;
static const weir_kind* kinds[] = {&filter.kind};
static weir_plugin plugin;

WEIR_PLUGIN_EXPORT const weir_plugin* weir_plugin_entry(const weir_host* from,
                                                        weir_report* report) {
  (void)report;
  host = from;
  filter.kind.size = sizeof filter;
  filter.kind.type = WEIR_HTTP_FILTER;
  filter.kind.name = text("served_by");
  filter.kind.config_create = create_config;
  filter.kind.config_destroy = free;
  filter.state_size = sizeof(stream_state);
  filter.create = create_stream;
  filter.on_response_head = on_response_head;
  plugin.size = sizeof plugin;
  plugin.abi_major = WEIR_PLUGIN_ABI_MAJOR;
  plugin.abi_minor = 0;
  plugin.kind_count = 1;
  plugin.name = text("served_by");
  plugin.version = text("1.0");
  plugin.kinds = kinds;
  return &plugin;
}
