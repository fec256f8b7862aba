#include "extensions/http_filters/jwt_auth/requirement.h"

#include <algorithm>

namespace weir::extensions::http_filters::jwt_auth {
namespace {

// How much a failure tells: a bad token of the right issuer more than one of another, that more
// than none.
int weight(Outcome outcome) {
  if (outcome == Outcome::kMissing) return 0;
  return outcome == Outcome::kWrongIssuer ? 1 : 2;
}

}  // namespace

TokenState Requirement::evaluate(const Look& look, const std::vector<uint32_t>& named) const {
  switch (kind) {
    case Kind::kProvider:
      return look(provider);
    case Kind::kAny: {
      TokenState told;
      bool waiting = false;
      for (const Requirement& each : of) {
        const TokenState state = each.evaluate(look, named);
        if (state.outcome == Outcome::kGood && !state.waiting) return state;
        waiting |= state.waiting;
        if (!state.waiting && weight(state.outcome) > weight(told.outcome)) told = state;
      }
      told.waiting = waiting;
      return told;
    }
    case Kind::kAll: {
      TokenState told{.outcome = Outcome::kGood};
      for (const Requirement& each : of) {
        const TokenState state = each.evaluate(look, named);
        if (state.waiting) {
          told.waiting = true;
        } else if (state.outcome != Outcome::kGood) {
          return state;
        }
      }
      return told;
    }
    case Kind::kAllowMissing: {
      TokenState told{.outcome = Outcome::kGood};
      for (const uint32_t each : named) {
        const TokenState state = look(each);
        if (state.waiting) {
          told.waiting = true;
        } else if (state.outcome == Outcome::kGood) {
          return state;
        } else if (weight(state.outcome) > 0) {
          if (told.outcome == Outcome::kGood || weight(state.outcome) > weight(told.outcome)) {
            told.outcome = state.outcome;
          }
        }
      }
      return told;
    }
    case Kind::kAllowMissingOrFailed: {
      TokenState told{.outcome = Outcome::kGood};
      for (const uint32_t each : named) told.waiting |= look(each).waiting;
      return told;
    }
  }
  return {};
}

void Requirement::collectProviders(std::vector<uint32_t>& to) const {
  if (kind == Kind::kProvider) {
    const auto place = std::lower_bound(to.begin(), to.end(), provider);
    if (place == to.end() || *place != provider) to.insert(place, provider);
  }
  for (const Requirement& each : of) each.collectProviders(to);
}

}  // namespace weir::extensions::http_filters::jwt_auth
