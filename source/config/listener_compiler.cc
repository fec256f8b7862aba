// The part of Compiler that deals with listeners.

#include <google/protobuf/message.h>

#include <utility>

#include "api/weir/config/v1/listener.pb.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

constexpr uint64_t kMaxPort = 65535;
constexpr uint64_t kDefaultBacklog = 4096;

network::FilterChainMatch readMatch(const v1::FilterChainMatch& from, const Cursor& at) {
  network::FilterChainMatch match;
  if (from.destination_port() != 0) {
    match.destination_port = static_cast<uint16_t>(
        readNumber(from.destination_port(), {1, kMaxPort}, at.field("destination_port")));
  }
  for (int i = 0; i < from.source_prefixes_size(); ++i) {
    const auto prefix = network::Prefix::parse(from.source_prefixes(i));
    if (prefix.ok()) {
      match.source_prefixes.push_back(*prefix);
    } else {
      report(prefix.status(), at.at("source_prefixes", i));
    }
  }
  return match;
}

// Two chains of a listener that would match the same connections with the same weight: one of them
// would never be used. Main-thread only.
class MatchConflicts {
 public:
  void add(const network::FilterChainConfig& chain, int position, const Cursor& at) {
    const std::string port = chain.match.destination_port
                                 ? base::concat("port ", *chain.match.destination_port)
                                 : std::string("any port");
    const Owner owner{position, chain.name};
    if (chain.match.source_prefixes.empty()) {
      claim(base::concat(port, ", any source"), owner, at.field("match"));
    }
    for (size_t i = 0; i < chain.match.source_prefixes.size(); ++i) {
      claim(base::concat(port, ", source ", chain.match.source_prefixes[i].toString()), owner,
            at.field("match").at("source_prefixes", static_cast<int>(i)));
    }
  }

 private:
  struct Owner {
    int position;
    std::string chain;
  };
  void claim(const std::string& match, const Owner& owner, const Cursor& at) {
    const auto [entry, added] = owners_.emplace(match, owner);
    if (added) return;
    if (entry->second.position == owner.position) {
      at.error(base::concat("is listed twice (", match, ")"), "remove one");
    } else {
      at.error(base::concat("matches the same connections as \"", entry->second.chain, "\" (",
                            match, ")"),
               "each filter chain of a listener needs a match of its own");
    }
  }

  std::map<std::string, Owner> owners_;
};

}  // namespace

std::shared_ptr<const network::ListenerConfig> Compiler::compileListener(const v1::Listener& from,
                                                                         const Cursor& at) {
  auto listener = std::make_shared<network::ListenerConfig>();
  require(from.name(), at.field("name"), "it stands in statistics and messages");
  listener->name = from.name();
  listener->address = readAddress(from.address(), /*allow_port_zero=*/true, at.field("address"));
  listener->max_connections = static_cast<uint32_t>(
      readNumber(from.max_connections(), {0, kMaxConnections}, at.field("max_connections")));
  listener->backlog = static_cast<uint32_t>(
      readNumberOr(from.backlog(), kDefaultBacklog, {1, 65535}, at.field("backlog")));
  if (from.filter_chains_size() == 0) {
    at.field("filter_chains")
        .error("a listener needs a filter chain", "add filter_chains { filters { … } }");
  }
  std::map<std::string, int> names;
  MatchConflicts matches;
  for (int i = 0; i < from.filter_chains_size(); ++i) {
    const Cursor here = at.at("filter_chains", i);
    auto chain = compileFilterChain(from.filter_chains(i), i, from.name(), here);
    checkUnique(chain->name, i, names, "filter chain", here.field("name"));
    // Otherwise a prefix is missing that could not be read.
    const auto wanted = static_cast<size_t>(from.filter_chains(i).match().source_prefixes_size());
    if (chain->match.source_prefixes.size() == wanted) matches.add(*chain, i, here);
    listener->filter_chains.push_back(std::move(chain));
  }
  listener->selector = std::make_shared<network::FilterChainSelector>(listener->filter_chains);
  return listener;
}

std::shared_ptr<const network::FilterChainConfig> Compiler::compileFilterChain(
    const v1::FilterChain& from, int position, const std::string& listener, const Cursor& at) {
  auto chain = std::make_shared<network::FilterChainConfig>();
  chain->name = from.name().empty() ? base::concat("chain-", position) : from.name();
  chain->match = readMatch(from.match(), at.field("match"));
  chain->transport =
      compileTransport(from.has_transport_socket() ? &from.transport_socket() : nullptr,
                       /*downstream=*/true, at.field("transport_socket"));
  compileNetworkFilters(from, listener, at, *chain);
  return chain;
}

void Compiler::compileNetworkFilters(const v1::FilterChain& from, const std::string& listener,
                                     const Cursor& at, network::FilterChainConfig& chain) {
  if (from.filters_size() == 0) {
    at.field("filters").error("a filter chain needs a filter",
                              "add filters { config { [network_filters/http_connection_manager] "
                              "{ … } } }");
  }
  CompileContext here = context(listener);
  for (int i = 0; i < from.filters_size(); ++i) {
    const Cursor filter = at.at("filters", i);
    auto found = resolve<NetworkFilterExtension>(from.filters(i), filter);
    if (!found) continue;
    const bool last = i + 1 == from.filters_size();
    if (last && !found.extension->terminal()) {
      filter.error(base::concat("the last filter passes its bytes on, but nothing is behind it"),
                   "end the chain with a terminal filter such as "
                   "network_filters/http_connection_manager");
    } else if (!last && found.extension->terminal()) {
      filter.error(base::concat("network_filters/", found.extension->name(),
                                " is terminal: nothing behind it would be reached"),
                   "put it last");
    }
    auto factory = found.extension->compile(*found.config, filter.field("config"), here);
    chain.filters.push_back({.name = std::move(found.name), .factory = std::move(factory)});
  }
}

}  // namespace weir::config
