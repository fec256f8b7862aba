#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "source/http/header_map.h"

namespace weir::extensions::http_filters::cache {

using Seconds = std::chrono::seconds;

// What the Cache-Control fields of a message say (RFC 9111 5.2), as far as a shared cache cares.
// Value.
struct CacheControl {
  // Of an argument that is not a number of seconds: the worst that it can mean.
  static constexpr Seconds kMost{0x7fffffff};  // RFC 9111 1.2.2

  bool present = false;
  bool no_cache = false;  // with field names too: those would have to be left out, so all waits
  bool no_store = false;
  bool no_transform = false;
  bool only_if_cached = false;
  bool is_private = false;
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool immutable = false;
  std::optional<Seconds> max_age;  // what is malformed is 0; of several the least
  std::optional<Seconds> s_maxage;
  std::optional<Seconds> min_fresh;
  std::optional<Seconds> max_stale;               // without an argument: kMost
  std::optional<Seconds> stale_while_revalidate;  // RFC 5861
  std::optional<Seconds> stale_if_error;
};

// All fields of the name as one list. Names in any case; arguments as tokens or quoted strings;
// what is not known is ignored (5.2.3), as is what is not a list.
CacheControl readCacheControl(const http::HeaderMap& fields);

// Digits alone, as delta-seconds are; more than fit are kMost. Nothing: something else.
std::optional<Seconds> readDeltaSeconds(std::string_view text);

// Goes through a comma-separated list (RFC 9110 5.6.1), in which quoted strings may have commas:
// takes the next element off, without the white space around it. False: there is none. Empty
// elements are left out.
bool nextListElement(std::string_view& list, std::string_view& element);

}  // namespace weir::extensions::http_filters::cache
