#include "test/extensions/http_filters/common/lone_filter.h"

namespace weir::extensions::http_filters {

void LoneFilter::begin(http::WorkerHttpFilterFactory& factory, const http::Route* route) {
  clear();
  client.status = 0;
  client.headers.clear();
  client.body.clear();
  client.route = route;
  if (route != nullptr) chain.askRouteForFilters();
  terminal = arena.create<http::FakeTerminal>(script, chain);
  chain.addFilter(*factory.create(arena));
  chain.setTerminal(*terminal);
}

void LoneFilter::begin(http::WorkerHttpFilterFactory& factory, http::Terminal& to) {
  clear();
  chain.addFilter(*factory.create(arena));
  chain.setTerminal(to);
}

}  // namespace weir::extensions::http_filters
