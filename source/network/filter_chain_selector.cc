#include <algorithm>
#include <tuple>
#include <utility>

#include "source/base/ascii.h"
#include "source/network/filter_chain.h"

namespace weir::network {
namespace {

// Exact names rank above every wildcard: longer than any host name can be.
constexpr int kExactRank = 1 << 20;

bool accepts(const std::vector<std::string>& wanted, const ConnectionInfo* info) {
  if (info == nullptr) return false;
  const auto& offered = info->application_protocols;
  return std::any_of(offered.begin(), offered.end(), [&](const std::string& protocol) {
    return std::find(wanted.begin(), wanted.end(), protocol) != wanted.end();
  });
}

// Length of the longest prefix that has the source; 0 when any source does, -1 when none fits.
int sourceRank(const std::vector<Prefix>& prefixes, const Address* source) {
  if (prefixes.empty()) return 0;
  int rank = -1;
  if (source == nullptr) return rank;
  for (const Prefix& prefix : prefixes) {
    if (prefix.contains(*source)) rank = std::max(rank, 1 + prefix.length());
  }
  return rank;
}

}  // namespace

// The most specific so far: port, name, application protocol, transport protocol, source in this
// order, then the first listed.
struct FilterChainSelector::Best {
  int chain = -1;
  std::tuple<int, int, int, int, int, int> rank;
};

FilterChainSelector::FilterChainSelector(
    std::vector<std::shared_ptr<const FilterChainConfig>> chains)
    : chains_(std::move(chains)) {
  for (int i = 0; i < static_cast<int>(chains_.size()); ++i) {
    const FilterChainMatch& match = chains_[static_cast<size_t>(i)]->match;
    if (match.server_names.empty()) any_.push_back({i, 0});
    for (const std::string& name : match.server_names) {
      std::string lower = base::lowered(name);
      if (lower.starts_with("*.")) {
        lower.erase(0, 1);
        const int rank = static_cast<int>(lower.size());
        suffixes_[std::move(lower)].push_back({i, rank});
      } else {
        exact_[std::move(lower)].push_back({i, kExactRank});
      }
    }
  }
}

void FilterChainSelector::consider(const std::vector<Candidate>& candidates,
                                   const FilterChainMatchInput& input, Best& best) const {
  for (const Candidate& candidate : candidates) {
    const FilterChainMatch& match = chains_[static_cast<size_t>(candidate.chain)]->match;
    if (match.destination_port.has_value() &&
        (input.destination == nullptr || *match.destination_port != input.destination->port())) {
      continue;
    }
    const bool any_protocol = match.application_protocols.empty();
    if (!any_protocol && !accepts(match.application_protocols, input.info)) continue;
    const bool any_transport = match.protocol == ConnectionInfo::Protocol::kUnknown;
    if (!any_transport && (input.info == nullptr || match.protocol != input.info->protocol)) {
      continue;
    }
    const int source = sourceRank(match.source_prefixes, input.source);
    if (source < 0) continue;
    const std::tuple rank(match.destination_port ? 1 : 0, candidate.name_rank, any_protocol ? 0 : 1,
                          any_transport ? 0 : 1, source, -candidate.chain);
    if (best.chain >= 0 && rank <= best.rank) continue;
    best.chain = candidate.chain;
    best.rank = rank;
  }
}

int FilterChainSelector::select(const FilterChainMatchInput& input) const {
  Best best;
  consider(any_, input, best);
  if (input.info == nullptr || input.info->server_name.empty()) return best.chain;
  const std::string& name = input.info->server_name;
  if (auto it = exact_.find(name); it != exact_.end()) consider(it->second, input, best);
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (dot == 0) continue;  // "*" stands for at least one character
    const auto it = suffixes_.find(std::string_view(name).substr(dot));
    if (it != suffixes_.end()) consider(it->second, input, best);
  }
  return best.chain;
}

}  // namespace weir::network
