// Plugins that must be refused, one for each BROKEN_…; see loader_test.cc.
#include <weir/plugin/plugin.h>

#define TEXT(literal) \
  { literal, sizeof(literal) - 1 }

static int32_t onRequestHead(void* state, weir_http_stream* stream, int32_t end_stream) {
  (void)state, (void)stream, (void)end_stream;
  return WEIR_CONTINUE;
}

#if defined(BROKEN_SYMBOL)
void nobody_has_this_function(void);
#endif

static weir_http_filter filter = {
    .kind = {.size = sizeof(weir_http_filter), .type = WEIR_HTTP_FILTER, .name = TEXT("broken")},
    .on_request_head = onRequestHead,
};
static const weir_kind* kinds[] = {&filter.kind, &filter.kind};
static weir_plugin plugin = {
    .size = sizeof(weir_plugin),
    .abi_major = WEIR_PLUGIN_ABI_MAJOR,
    .abi_minor = WEIR_PLUGIN_ABI_MINOR,
    .kind_count = 1,
    .name = TEXT("broken"),
    .version = TEXT("0.1"),
    .kinds = kinds,
};

#if defined(BROKEN_ENTRY)
WEIR_PLUGIN_EXPORT const weir_plugin* wrong_entry(const weir_host* host, weir_report* report);
#define weir_plugin_entry wrong_entry
#endif

WEIR_PLUGIN_EXPORT const weir_plugin* weir_plugin_entry(const weir_host* host,
                                                        weir_report* report) {
  (void)host, (void)report;
#if defined(BROKEN_MAJOR)
  plugin.abi_major = 2;
  plugin.size = 16;
#elif defined(BROKEN_MINOR)
  plugin.abi_minor = 99;
#elif defined(BROKEN_SIZE_ZERO)
  plugin.size = 0;
#elif defined(BROKEN_SIZE_HUGE)
  plugin.size = 0xffffffffu;
#elif defined(BROKEN_KIND_SIZE)
  filter.kind.size = sizeof(weir_kind);
#elif defined(BROKEN_KIND_HUGE)
  filter.kind.size = 1u << 30;
#elif defined(BROKEN_KIND_TYPE)
  filter.kind.type = 77;
#elif defined(BROKEN_KIND_NULL)
  kinds[0] = NULL;
#elif defined(BROKEN_KIND_TWICE)
  plugin.kind_count = 2;
#elif defined(BROKEN_KINDS_NONE)
  plugin.kind_count = 0;
#elif defined(BROKEN_KINDS_MANY)
  plugin.kind_count = 1000000;
#elif defined(BROKEN_KIND_NAME)
  filter.kind.name = (weir_str)TEXT("No Name");
#elif defined(BROKEN_NAME)
  plugin.name = (weir_str)TEXT("\x01../x");
#elif defined(BROKEN_FUNCTIONS)
  filter.on_request_head = NULL;
#elif defined(BROKEN_STATE)
  filter.state_size = 1u << 30;
#elif defined(BROKEN_ALIGN)
  filter.state_align = 3;
#elif defined(BROKEN_DESCRIPTOR)
  filter.kind.config_descriptor = (weir_str)TEXT("\xff\xff\xff");
  filter.kind.config_message = (weir_str)TEXT("a.B");
#elif defined(BROKEN_MESSAGE)
  filter.kind.config_message = (weir_str)TEXT("a.B");
#elif defined(BROKEN_INIT)
  const weir_str field = {NULL, 0};
  const weir_str what = TEXT("the licence has run out");
  const weir_str right = TEXT("renew it");
  host->report(report, field, what, right);
  return NULL;
#elif defined(BROKEN_NULL)
  return NULL;
#elif defined(BROKEN_SYMBOL)
  nobody_has_this_function();
#elif defined(BROKEN_TAKEN)
  filter.kind.name = (weir_str)TEXT("tag");
#endif
  return &plugin;
}
