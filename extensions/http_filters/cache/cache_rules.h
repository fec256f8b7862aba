#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "extensions/http_filters/cache/cache_key.h"
#include "extensions/http_filters/cache/freshness.h"
#include "extensions/http_filters/cache/storable.h"
#include "source/http/route.h"

namespace weir::extensions::http_filters::cache {

// How requests of a filter, or of some routes of it, are cached. Immutable once compiled.
struct CacheRules {
  FreshnessRules freshness;
  KeyRules key;
  SetCookie set_cookie = SetCookie::kRefuse;
  bool disabled = false;
  bool answers_get = true;
  bool answers_head = true;
  bool obeys_requests = true;  // what their Cache-Control asks for
  uint64_t max_object_bytes = 8 * 1024 * 1024;
  size_t max_variants = 16;
  size_t max_waiting = 1000;  // for one request to the origin
  std::chrono::milliseconds max_wait{5000};
  Seconds uncacheable_for{60};
  std::vector<std::string> tag_fields = {"surrogate-key", "cache-tag"};
  std::string status_name = "weir";  // in Cache-Status; empty: none is sent
};

// What a route says. Immutable.
struct CacheRoute final : http::RouteFilterConfig {
  CacheRules rules;
};

}  // namespace weir::extensions::http_filters::cache
