#pragma once

#include <cstdint>
#include <string_view>

#include "extensions/http_filters/cache/cache_control.h"
#include "extensions/http_filters/cache/freshness.h"
#include "source/http/message.h"

namespace weir::extensions::http_filters::cache {

// What becomes of a response that sets cookies: they are one client's, and a shared cache that
// hands them to others mixes sessions up. Neither RFC 9111 nor 6265 forbids to store them (9111
// 7.3).
enum class SetCookie : uint8_t {
  kRefuse,  // is not stored, unless it says public, or s-maxage
  kStrip,   // is stored without them
  kStore,   // is stored with them
};

// What a request has to do with whether its response may be stored. Value.
struct RequestFacts {
  CacheControl control;
  bool authorization = false;
};

// Why a response to a GET is not stored; static text for Cache-Status and logs. Empty: it may be
// (RFC 9111 3). `freshness` as readFreshness() made it.
std::string_view whyNotStored(const http::ResponseHead& response, const CacheControl& control,
                              const Freshness& freshness, const RequestFacts& request,
                              SetCookie set_cookie);

}  // namespace weir::extensions::http_filters::cache
