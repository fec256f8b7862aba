#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/common/access/credentials.h"
#include "extensions/http_filters/jwt_auth/key_source.h"
#include "extensions/http_filters/jwt_auth/token.h"
#include "source/http/message.h"

namespace weir::extensions::http_filters::jwt_auth {

using TokenPlace = CredentialPlace;

// A claim that goes on in a field. Value.
struct ClaimHeader {
  std::string header;             // in lower case
  std::vector<std::string> path;  // of members
};

// The text that a claim has in a field; false: it has none, or none that may be in a field.
bool claimText(const http::MetadataValue& claims, const std::vector<std::string>& path,
               std::string& out);

// An issuer. Immutable, but for its keys.
struct Provider {
  std::string name;
  std::shared_ptr<KeySource> keys;
  ClaimRules rules;
  AlgorithmSet algorithms = AlgorithmSet::all();
  std::vector<TokenPlace> places = {TokenPlace()};
  bool forward = false;
  std::vector<ClaimHeader> claim_headers;
  std::string payload_header;
  std::string metadata_key;

  // The first place that has a token; null: none has.
  const TokenPlace* placeWithToken(const http::RequestHead& head) const;
};

}  // namespace weir::extensions::http_filters::jwt_auth
