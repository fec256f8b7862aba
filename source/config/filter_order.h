#pragma once

#include <string_view>
#include <vector>

namespace weir::config {

// What must hold of an HTTP filter's place among those of its connection manager, of which it says
// here what it knows; `weir check` reports what does not hold. Texts say why, in words that follow
// a colon ("bodies would be compressed twice"); empty: no such rule. Static texts. Value.
struct FilterOrder {
  // Another kind of filter, by the name of its extension ("compressor").
  struct Neighbour {
    std::string_view extension;
    std::string_view why;
  };
  // There may be only one of this extension.
  std::string_view once = {};
  // It stands in front of all that do not say the same, for they need what it does.
  std::string_view first = {};
  // It answers every request, so that nothing behind it is reached.
  std::string_view last = {};
  // It stands in front of these, towards the client: it sees requests before they do, and answers
  // after.
  std::vector<Neighbour> before = {};
  // It stands behind these.
  std::vector<Neighbour> after = {};
};

}  // namespace weir::config
