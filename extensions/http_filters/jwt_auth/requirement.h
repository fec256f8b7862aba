#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "extensions/http_filters/jwt_auth/token.h"

namespace weir::extensions::http_filters::jwt_auth {

// What is known of a provider's token by now; kWaiting: its keys are being fetched.
struct TokenState {
  Outcome outcome = Outcome::kMissing;
  bool waiting = false;
};

// A tree of what a request must have. Immutable.
struct Requirement {
  enum class Kind : uint8_t { kProvider, kAny, kAll, kAllowMissing, kAllowMissingOrFailed };
  Kind kind = Kind::kProvider;
  uint32_t provider = 0;
  std::vector<Requirement> of = {};

  // Asks `look` for the state of the token of a provider, as often as it likes. `named`: the
  // providers that the whole tree names, or all when it names none. kGood: fulfilled; else why
  // not, by what is most telling.
  using Look = std::function<TokenState(uint32_t provider)>;
  TokenState evaluate(const Look& look, const std::vector<uint32_t>& named) const;
  void collectProviders(std::vector<uint32_t>& to) const;  // sorted, each once
};

}  // namespace weir::extensions::http_filters::jwt_auth
