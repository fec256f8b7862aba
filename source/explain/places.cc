#include "source/explain/places.h"

#include <algorithm>

#include "source/base/concat.h"
#include "source/base/suggest.h"

namespace weir::explain {

using base::concat;
using network::ConnectionInfo;
using network::FilterChainConfig;
using network::ListenerConfig;

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += concat(text.empty() ? "" : ", ", word);
  return text;
}

const ListenerConfig* chosen(size_t index, const config::Snapshot& snapshot, std::string why,
                             Explanation& out) {
  out.listeners[index].chosen = true;
  out.listeners[index].why = std::move(why);
  return snapshot.listeners[index].get();
}

const ListenerConfig* namedPlace(const config::Snapshot& snapshot, const std::string& named,
                                 Explanation& out) {
  std::vector<std::string> known;
  for (size_t i = 0; i < snapshot.listeners.size(); ++i) {
    known.push_back(snapshot.listeners[i]->name);
    if (known.back() == named) return chosen(i, snapshot, "the question names it", out);
  }
  out.problem = concat("there is no listener \"", named, "\"", base::didYouMean(named, known),
                       known.empty() ? "" : concat("; known: ", joined(known)));
  return nullptr;
}

// Why a connection does not get the chain by its own conditions; empty: it may.
std::string mismatch(const FilterChainConfig& chain, const Request& request) {
  const network::FilterChainMatch& match = chain.match;
  const ConnectionInfo& info = request.connection;
  if (match.destination_port && *match.destination_port != request.local.port()) {
    return concat("it is for port ", *match.destination_port);
  }
  if (match.protocol != ConnectionInfo::Protocol::kUnknown && match.protocol != info.protocol) {
    return match.protocol == ConnectionInfo::Protocol::kTls ? "it is for TLS" : "it is not for TLS";
  }
  if (!match.source_prefixes.empty() &&
      std::none_of(match.source_prefixes.begin(), match.source_prefixes.end(),
                   [&](const auto& prefix) { return prefix.contains(request.source); })) {
    return concat("the client ", request.source.ip(), " is not among its sources");
  }
  const auto& protocols = match.application_protocols;
  const bool offered =
      protocols.empty() ||
      std::any_of(protocols.begin(), protocols.end(), [&](const std::string& protocol) {
        const auto& all = info.application_protocols;
        return std::find(all.begin(), all.end(), protocol) != all.end();
      });
  if (!offered) return concat("it is for ALPN ", joined(protocols));
  if (!match.server_names.empty()) {
    return concat("it is for server names ", joined(match.server_names),
                  ", or another one is more specific");
  }
  return "another one is more specific";
}

}  // namespace

const ListenerConfig* placeOf(const config::Snapshot& snapshot, const Request& request,
                              const std::string& named, Explanation& out) {
  std::vector<size_t> http;
  for (size_t i = 0; i < snapshot.listeners.size(); ++i) {
    const ListenerConfig& listener = *snapshot.listeners[i];
    out.listeners.push_back({listener.name, concat("it listens on ", listener.address.toString())});
    if (listener.udp_filter == nullptr) http.push_back(i);
  }
  if (!named.empty()) return namedPlace(snapshot, named, out);
  for (const size_t i : http) {
    const network::Address& address = snapshot.listeners[i]->address;
    if (!request.portGiven() || !address.isIp() || address.port() != request.port()) continue;
    return chosen(i, snapshot, concat("it listens on ", address.toString()), out);
  }
  if (http.size() == 1) {
    if (request.portGiven()) {
      out.notes.push_back(
          concat("no listener has port ", request.port(), " of the URL: the only one is taken"));
    }
    return chosen(http.front(), snapshot, "it is the only one", out);
  }
  out.problem = request.portGiven()
                    ? concat("no listener has port ", request.port(), "; name one of them")
                    : "which listener? name one of them, or give a whole URL with its port";
  if (http.empty()) out.problem = "the configuration has no listener for connections";
  return nullptr;
}

const FilterChainConfig* chainOf(const ListenerConfig& listener, const Request& request,
                                 Explanation& out) {
  const int index = listener.selector->select(
      {.destination = &request.local, .source = &request.source, .info = &request.connection});
  for (size_t i = 0; i < listener.filter_chains.size(); ++i) {
    const FilterChainConfig& chain = *listener.filter_chains[i];
    const bool is = index == static_cast<int>(i);
    const bool alone = listener.filter_chains.size() == 1;
    out.filter_chains.push_back(
        {chain.name,
         is ? alone ? "it is the only one" : "it is the most specific" : mismatch(chain, request),
         is});
  }
  if (index < 0) {
    out.problem = "the connection is closed: no filter chain is for it";
    return nullptr;
  }
  const FilterChainConfig& chain = *listener.filter_chains[static_cast<size_t>(index)];
  const bool secure = chain.transport != nullptr && chain.transport->secure();
  if (secure != request.tls()) {
    out.notes.push_back(secure ? "the filter chain speaks TLS, and the URL is http: a real client "
                                 "would not get through"
                               : "the URL is https, and the filter chain speaks no TLS: a real "
                                 "client would not get through");
  }
  return &chain;
}

}  // namespace weir::explain
