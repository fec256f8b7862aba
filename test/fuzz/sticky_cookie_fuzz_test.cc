// Arbitrary bytes as the Cookie fields of a request, one in each line. Held to: nothing that was
// not sealed with the key opens; what was, opens wherever it stands among them, unless too much of
// the name is in front; and after removal no cookie of the name is left while all others are.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/stickiness/common/cookie_pairs.h"
#include "extensions/stickiness/cookie/cookie.h"
#include "source/base/arena.h"
#include "source/http/header_map.h"
#include "test/fuzz/entry_point.h"

namespace {

using namespace weir;
using extensions::stickiness::CookiePair;
using extensions::stickiness::forEachCookiePair;
using extensions::stickiness::cookie::CookieSeal;
using extensions::stickiness::cookie::readCookies;
using extensions::stickiness::cookie::removeCookies;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

struct Pairs {
  size_t named = 0;
  std::string others;  // in order
};

Pairs pairsOf(const http::HeaderMap& headers) {
  Pairs pairs;
  headers.forEach(http::HeaderId::kCookie, [&](const http::HeaderMap::Field& field) {
    forEachCookiePair(field.value, [&](const CookiePair& pair) {
      if (pair.name == "S") {
        ++pairs.named;
      } else {
        pairs.others += std::string(pair.text) + "\n";
      }
    });
  });
  return pairs;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const CookieSeal seal({std::string(32, 'k')}, "web");
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  base::Arena arena;
  http::HeaderMap headers(arena);
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    headers.add(http::HeaderId::kCookie, bytes.substr(0, end));
    bytes = end == std::string_view::npos ? std::string_view() : bytes.substr(end + 1);
  }
  require(!seal.open({reinterpret_cast<const char*>(data), size}, 1), "no forgery opens");
  require(!readCookies(headers, "S", seal, 1), "nor does one among others");

  const Pairs before = pairsOf(headers);
  CookieSeal::Text text;
  seal.seal({.uid = 7, .expires = 100}, text);
  const std::string good = "S=" + std::string(text.data(), text.size());
  headers.add(http::HeaderId::kCookie, good);
  const auto content = readCookies(headers, "S", seal, 99);
  require(content.has_value() == (before.named < 4), "a good one is found among few");
  require(!content || content->uid == 7, "and says what was sealed");
  require(!readCookies(headers, "S", seal, 100), "until it is over");

  removeCookies(headers, "S");
  const Pairs after = pairsOf(headers);
  require(after.named == 0, "none is left");
  require(after.others == before.others, "all others are as they were");
  return 0;
}
