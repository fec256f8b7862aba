// A plugin of a later ABI 1.y that asks for no more than 1.0: its structs are longer than this Weir
// knows. And one with the least that ABI 1.0 allows: structs whose optional part it leaves out.
#include <string.h>
#include <weir/plugin/plugin.h>

#define TEXT(literal) \
  { literal, sizeof(literal) - 1 }

static int32_t onRequestHead(void* state, weir_http_stream* stream, int32_t end_stream) {
  (void)state, (void)stream, (void)end_stream;
  return WEIR_CONTINUE;
}

static struct {
  weir_http_filter filter;
  void* members_to_come[8];
} filter = {
    .filter = {.kind = {.size = sizeof filter, .type = WEIR_HTTP_FILTER, .name = TEXT("newer")},
               .on_request_head = onRequestHead},
    .members_to_come = {(void*)1, (void*)2},
};
static const weir_kind* const kinds[] = {&filter.filter.kind};
static const struct {
  weir_plugin plugin;
  void* members_to_come[8];
} plugin = {
    .plugin = {.size = sizeof plugin,
               .abi_major = WEIR_PLUGIN_ABI_MAJOR,
               .kind_count = 1,
               .name = TEXT("newer"),
               .version = TEXT("2.0"),
               .kinds = kinds},
    .members_to_come = {(void*)1},
};

WEIR_PLUGIN_EXPORT const weir_plugin* weir_plugin_entry(const weir_host* host,
                                                        weir_report* report) {
  (void)host, (void)report;
  return &plugin.plugin;
}
