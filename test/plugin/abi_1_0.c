// A plugin that was built when ABI 1.0 was new: with the header as it was then. It has to load and
// work in every Weir with ABI 1.y.
#include "test/plugin/abi_1_0/plugin.inc"

#define TEXT(literal) \
  { literal, sizeof(literal) - 1 }

static const weir_host* weir;

static int32_t onRequestHead(void* state, weir_http_stream* stream, int32_t end_stream) {
  (void)state, (void)end_stream;
  const weir_str name = TEXT("x-abi");
  const weir_str value = TEXT("1.0");
  weir->headers_set(weir->http->headers(stream, WEIR_REQUEST_HEADERS), name, value);
  return WEIR_CONTINUE;
}

static const weir_http_filter filter = {
    .kind = {.size = sizeof filter, .type = WEIR_HTTP_FILTER, .name = TEXT("abi_1_0")},
    .on_request_head = onRequestHead,
};
static const weir_kind* const kinds[] = {&filter.kind};
static const weir_plugin plugin = {
    .size = sizeof plugin,
    .abi_major = WEIR_PLUGIN_ABI_MAJOR,
    .abi_minor = WEIR_PLUGIN_ABI_MINOR,
    .kind_count = 1,
    .name = TEXT("abi_1_0"),
    .version = TEXT("1"),
    .kinds = kinds,
};

WEIR_PLUGIN_EXPORT const weir_plugin* weir_plugin_entry(const weir_host* host,
                                                        weir_report* report) {
  (void)report;
  if (host->abi_major != WEIR_PLUGIN_ABI_MAJOR || !WEIR_HAS(host, weir_host, headers_set)) {
    return NULL;
  }
  weir = host;
  return &plugin;
}
