// The part of Compiler that deals with listeners.

#include <google/protobuf/message.h>

#include <utility>

#include "api/weir/config/v1/listener.pb.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

constexpr uint64_t kMaxPort = 65535;
constexpr uint64_t kDefaultBacklog = 4096;

// A host name, or "*." before one.
void readServerName(const std::string& text, const Cursor& at, network::FilterChainMatch& match) {
  const std::string name = base::lowered(text);
  const std::string_view host = std::string_view(name).substr(name.starts_with("*.") ? 2 : 0);
  const bool valid =
      !host.empty() && host.size() <= 253 && host.front() != '.' &&
      host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") == std::string_view::npos;
  if (!valid) {
    at.error(base::concat("\"", text, "\" is not a server name"),
             "write a host name such as \"shop.example\" or \"*.shop.example\"");
  }
  match.server_names.push_back(name);
}

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
  for (int i = 0; i < from.server_names_size(); ++i) {
    readServerName(from.server_names(i), at.at("server_names", i), match);
  }
  for (int i = 0; i < from.application_protocols_size(); ++i) {
    require(from.application_protocols(i), at.at("application_protocols", i),
            "write one such as \"h2\"");
    match.application_protocols.push_back(from.application_protocols(i));
  }
  switch (from.transport_protocol()) {
    case v1::FilterChainMatch::TRANSPORT_PROTOCOL_TLS:
      match.protocol = network::ConnectionInfo::Protocol::kTls;
      break;
    case v1::FilterChainMatch::TRANSPORT_PROTOCOL_RAW:
      match.protocol = network::ConnectionInfo::Protocol::kRaw;
      break;
    default:
      break;
  }
  return match;
}

// Two chains of a listener that would match the same connections with the same weight: one of them
// would never be used. Main-thread only.
class MatchConflicts {
 public:
  void add(const network::FilterChainConfig& chain, int position, const Cursor& at) {
    const network::FilterChainMatch& match = chain.match;
    const std::string port = match.destination_port ? base::concat("port ", *match.destination_port)
                                                    : std::string("any port");
    const Owner owner{position, chain.name};
    const Cursor here = at.field("match");
    const auto names = orAny("server name ", match.server_names);
    const auto protocols = orAny("protocol ", match.application_protocols);
    std::vector<std::string> prefixes;
    for (const network::Prefix& prefix : match.source_prefixes) {
      prefixes.push_back(prefix.toString());
    }
    const auto sources = orAny("source ", prefixes);
    for (const std::string& name : names) {
      for (const std::string& protocol : protocols) {
        for (size_t i = 0; i < sources.size(); ++i) {
          const Cursor where =
              prefixes.empty() ? here : here.at("source_prefixes", static_cast<int>(i));
          claim(base::concat(port, name, protocol, transportText(match.protocol),
                             prefixes.empty() ? ", any source" : sources[i]),
                owner, where);
        }
      }
    }
  }

 private:
  struct Owner {
    int position;
    std::string chain;
  };
  // ", server name x" for each, or nothing for any.
  static std::vector<std::string> orAny(std::string_view what,
                                        const std::vector<std::string>& values) {
    if (values.empty()) return {""};
    std::vector<std::string> texts;
    for (const std::string& value : values) texts.push_back(base::concat(", ", what, value));
    return texts;
  }
  static std::string_view transportText(network::ConnectionInfo::Protocol protocol) {
    switch (protocol) {
      case network::ConnectionInfo::Protocol::kUnknown:
        return "";
      case network::ConnectionInfo::Protocol::kRaw:
        return ", raw";
      case network::ConnectionInfo::Protocol::kTls:
        return ", TLS";
    }
    return "";
  }
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
  if (from.has_udp_filter()) {
    compileUdpListener(from, at, *listener);
    return listener;
  }
  listener->max_connections = static_cast<uint32_t>(
      readNumber(from.max_connections(), {0, kMaxConnections}, at.field("max_connections")));
  listener->backlog = static_cast<uint32_t>(
      readNumberOr(from.backlog(), kDefaultBacklog, {1, 65535}, at.field("backlog")));
  compileListenerFilters(from, at, *listener);
  if (from.filter_chains_size() == 0) {
    at.field("filter_chains")
        .error("a listener needs a filter chain",
               "add filter_chains { filters { … } }, or udp_filter { … } for datagrams");
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

void Compiler::compileUdpListener(const v1::Listener& from, const Cursor& at,
                                  network::ListenerConfig& listener) {
  if (listener.address.family() == network::Address::Family::kUnix) {
    at.field("address").error("a unix address takes connections, and udp_filter takes datagrams",
                              "write an IP address and a port");
  }
  const auto refuse = [&at](bool given, std::string_view field, std::string_view remedy) {
    if (!given) return;
    at.field(field).error("is for connections, and a listener with udp_filter takes datagrams",
                          std::string(remedy));
  };
  refuse(from.filter_chains_size() > 0, "filter_chains",
         "give TCP and UDP a listener each; they may have the same address");
  refuse(from.listener_filters_size() > 0, "listener_filters", "remove it");
  refuse(from.has_listener_filters_timeout(), "listener_filters_timeout", "remove it");
  refuse(from.max_connections() != 0, "max_connections", "limit the sessions of the udp_filter");
  refuse(from.backlog() != 0, "backlog", "remove it");
  const Cursor filter = at.field("udp_filter");
  CompileContext here = context(from.name());
  const auto found = resolve<UdpFilterExtension>(from.udp_filter(), filter);
  if (!found) return;
  listener.udp_filter = found.extension->compile(*found.config, filter.field("config"), here);
}

std::shared_ptr<const network::FilterChainConfig> Compiler::compileFilterChain(
    const v1::FilterChain& from, int position, const std::string& listener, const Cursor& at) {
  auto chain = std::make_shared<network::FilterChainConfig>();
  chain->name = from.name().empty() ? base::concat("chain-", position) : from.name();
  chain->match = readMatch(from.match(), at.field("match"));
  CompileContext here = context(listener);
  compileNetworkFilters(from, at, here, *chain);
  chain->transport =
      compileTransport(from.has_transport_socket() ? &from.transport_socket() : nullptr,
                       /*downstream=*/true, at.field("transport_socket"), here);
  return chain;
}

void Compiler::compileListenerFilters(const v1::Listener& from, const Cursor& at,
                                      network::ListenerConfig& listener) {
  listener.filters_timeout =
      readDuration(from.has_listener_filters_timeout() ? &from.listener_filters_timeout() : nullptr,
                   listener.filters_timeout, {std::chrono::milliseconds(0)},
                   at.field("listener_filters_timeout"));
  CompileContext here = context(from.name());
  for (int i = 0; i < from.listener_filters_size(); ++i) {
    const Cursor filter = at.at("listener_filters", i);
    auto found = resolve<ListenerFilterExtension>(from.listener_filters(i), filter);
    if (!found) continue;
    auto factory = found.extension->compile(*found.config, filter.field("config"), here);
    listener.filters.push_back({.name = std::move(found.name), .factory = std::move(factory)});
  }
}

void Compiler::compileNetworkFilters(const v1::FilterChain& from, const Cursor& at,
                                     CompileContext& context, network::FilterChainConfig& chain) {
  if (from.filters_size() == 0) {
    at.field("filters").error("a filter chain needs a filter",
                              "add filters { config { [network_filters/http_connection_manager] "
                              "{ … } } }");
  }
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
    auto factory = found.extension->compile(*found.config, filter.field("config"), context);
    if (last && factory != nullptr) {
      context.application_protocols = factory->applicationProtocols();
    }
    chain.filters.push_back({.name = std::move(found.name), .factory = std::move(factory)});
  }
}

}  // namespace weir::config
