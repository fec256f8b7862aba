// An HTTP filter that looks at both heads and lets everything pass: what a plugin costs at least.
#include <string.h>
#include <weir/plugin/plugin.h>

static weir_str text(const char* chars) {
  weir_str str = {chars, strlen(chars)};
  return str;
}

static int32_t pass(void* state, weir_http_stream* stream, int32_t end_stream) {
  (void)state;
  (void)stream;
  (void)end_stream;
  return WEIR_CONTINUE;
}

static weir_http_filter filter;
static const weir_kind* kinds[] = {&filter.kind};
static weir_plugin plugin;

WEIR_PLUGIN_EXPORT const weir_plugin* weir_plugin_entry(const weir_host* host,
                                                        weir_report* report) {
  (void)host;
  (void)report;
  filter.kind.size = sizeof filter;
  filter.kind.type = WEIR_HTTP_FILTER;
  filter.kind.name = text("pass_through");
  filter.on_request_head = pass;
  filter.on_response_head = pass;
  plugin.size = sizeof plugin;
  plugin.abi_major = WEIR_PLUGIN_ABI_MAJOR;
  plugin.abi_minor = 0;
  plugin.kind_count = 1;
  plugin.name = text("pass_through");
  plugin.version = text("1.0");
  plugin.kinds = kinds;
  return &plugin;
}
