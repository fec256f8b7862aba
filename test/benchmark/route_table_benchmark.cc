#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"

#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/router/route_conditions.h"
#include "source/router/route_table.h"

namespace weir::router {
namespace {

RouteEntry route(PathMatch::Kind kind, std::string text) {
  RouteEntry entry;
  entry.match = {kind, std::move(text)};
  entry.cluster.cluster = "c";
  return entry;
}

std::shared_ptr<const RouteTable> compile(std::vector<VirtualHost> hosts) {
  return *RouteTable::compile(std::move(hosts));
}

std::string pathOf(size_t i) {
  return "/team" + std::to_string(i % 97) + "/service" + std::to_string(i);
}

// Looks up `kAsked` names spread over all, so that the table is not all in the nearest cache.
constexpr size_t kAsked = 64;

void lookUp(benchmark::State& state, const RouteTable& table,
            const std::vector<std::pair<std::string, std::string>>& asked) {
  size_t at = 0;
  for (auto _ : state) {
    const auto& [authority, path] = asked[at++ % asked.size()];
    const RouteEntry* found = table.match(authority, path);
    if (found == nullptr) return state.SkipWithError("no route");
    benchmark::DoNotOptimize(found);
  }
}

void exactHosts(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  std::vector<VirtualHost> hosts;
  for (size_t i = 0; i < count; ++i) {
    hosts.push_back(
        {"h", {"shop" + std::to_string(i) + ".example"}, {route(PathMatch::Kind::kPrefix, "/")}});
  }
  std::vector<std::pair<std::string, std::string>> asked;
  for (size_t i = 0; i < kAsked; ++i)
    asked.emplace_back("shop" + std::to_string(i * count / kAsked) + ".example:80", "/a/b");
  lookUp(state, *compile(hosts), asked);
}
BENCHMARK(exactHosts)->Arg(10)->Arg(1000)->Arg(10000);

void wildcardHosts(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  std::vector<VirtualHost> hosts;
  for (size_t i = 0; i < count; ++i) {
    hosts.push_back(
        {"h", {"*.shop" + std::to_string(i) + ".example"}, {route(PathMatch::Kind::kPrefix, "/")}});
  }
  std::vector<std::pair<std::string, std::string>> asked;
  for (size_t i = 0; i < kAsked; ++i)
    asked.emplace_back("www.shop" + std::to_string(i * count / kAsked) + ".example", "/a/b");
  lookUp(state, *compile(hosts), asked);
}
BENCHMARK(wildcardHosts)->Arg(10)->Arg(1000)->Arg(10000);

void paths(benchmark::State& state, PathMatch::Kind kind, const std::string& tail) {
  const size_t count = static_cast<size_t>(state.range(0));
  VirtualHost host{"h", {"*"}, {}};
  for (size_t i = 0; i < count; ++i) host.routes.push_back(route(kind, pathOf(i)));
  std::vector<std::pair<std::string, std::string>> asked;
  for (size_t i = 0; i < kAsked; ++i)
    asked.emplace_back("shop.example", pathOf(i * count / kAsked) + tail);
  lookUp(state, *compile({host}), asked);
}
BENCHMARK_CAPTURE(paths, exact, PathMatch::Kind::kExact, "")->Arg(10)->Arg(1000)->Arg(10000);
BENCHMARK_CAPTURE(paths, prefix, PathMatch::Kind::kPrefix, "/item/42")
    ->Arg(10)
    ->Arg(1000)
    ->Arg(10000);
BENCHMARK_CAPTURE(paths, segmentPrefix, PathMatch::Kind::kSegmentPrefix, "/item/42")
    ->Arg(10)
    ->Arg(1000)
    ->Arg(10000);

// Every tenth route is a regular expression behind the prefixes: asked only for what these leave.
void regexesBehind(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  VirtualHost host{"h", {"*"}, {}};
  for (size_t i = 0; i < count; ++i)
    host.routes.push_back(route(PathMatch::Kind::kPrefix, pathOf(i)));
  for (size_t i = 0; i < count / 10; ++i) {
    host.routes.push_back(route(PathMatch::Kind::kRegex, "/user" + std::to_string(i) + "/[0-9]+"));
  }
  std::vector<std::pair<std::string, std::string>> asked;
  for (size_t i = 0; i < kAsked; ++i)
    asked.emplace_back("shop.example", pathOf(i * count / kAsked));
  lookUp(state, *compile({host}), asked);
}
BENCHMARK(regexesBehind)->Arg(10)->Arg(1000);

// And before them: one pass of the set per lookup.
void regexesFirst(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  VirtualHost host{"h", {"*"}, {}};
  for (size_t i = 0; i < count; ++i) {
    host.routes.push_back(route(PathMatch::Kind::kRegex, "/user" + std::to_string(i) + "/[0-9]+"));
  }
  host.routes.push_back(route(PathMatch::Kind::kPrefix, "/"));
  lookUp(state, *compile({host}), {{"shop.example", "/team1/service42/item"}});
}
BENCHMARK(regexesFirst)->Arg(10)->Arg(1000);

void templates(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  VirtualHost host{"h", {"*"}, {}};
  for (size_t i = 0; i < count; ++i) {
    host.routes.push_back(route(PathMatch::Kind::kTemplate, pathOf(i) + "/{id}/orders/{order}"));
  }
  std::vector<std::pair<std::string, std::string>> asked;
  for (size_t i = 0; i < kAsked; ++i)
    asked.emplace_back("shop.example", pathOf(i * count / kAsked) + "/7/orders/42");
  lookUp(state, *compile({host}), asked);
}
BENCHMARK(templates)->Arg(10)->Arg(1000)->Arg(10000);

// Looks up one request after the other, with its head.
void resolve(benchmark::State& state, const RouteTable& table,
             const std::vector<std::unique_ptr<http::RequestHead>>& asked) {
  const http::StreamInfo info;
  size_t at = 0;
  for (auto _ : state) {
    const http::Route* found = table.resolve(*asked[at++ % asked.size()], info);
    if (found == nullptr) return state.SkipWithError("no route");
    benchmark::DoNotOptimize(found);
  }
}

std::unique_ptr<http::RequestHead> headOf(std::string_view path) {
  auto head = std::make_unique<http::RequestHead>();
  head->method = "GET";
  head->authority = "shop.example";
  head->path = head->arena.copy(path);
  for (const char* name : {"host", "user-agent", "accept", "accept-encoding", "accept-language"}) {
    head->headers.add(name, "something of usual length");
  }
  return head;
}

RouteEntry withTenant(RouteEntry entry, size_t i) {
  auto conditions = std::make_shared<RouteConditions>();
  conditions->methods = {"GET", "HEAD"};
  conditions->headers.emplace_back("x-tenant", http::TextMatcher::exact(std::to_string(i)));
  entry.conditions = std::move(conditions);
  return entry;
}

// All routes have one path, and differ by the value of a header.
void conditionsOfOnePath(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  VirtualHost host{"h", {"*"}, {}};
  for (size_t i = 0; i < count; ++i) {
    host.routes.push_back(withTenant(route(PathMatch::Kind::kPrefix, "/api"), i));
  }
  std::vector<std::unique_ptr<http::RequestHead>> asked;
  for (size_t i = 0; i < kAsked; ++i) {
    asked.push_back(headOf("/api/items"));
    asked.back()->headers.add("x-tenant", std::to_string(i * count / kAsked));
  }
  resolve(state, *compile({host}), asked);
}
BENCHMARK(conditionsOfOnePath)->Arg(10)->Arg(1000)->Arg(10000);

// Each path has a route for tenant 1 and one for all.
void conditionsOfManyPaths(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  VirtualHost host{"h", {"*"}, {}};
  for (size_t i = 0; i < count; ++i) {
    const RouteEntry plain = route(PathMatch::Kind::kSegmentPrefix, pathOf(i));
    host.routes.push_back(withTenant(plain, 1));
    host.routes.push_back(plain);
  }
  std::vector<std::unique_ptr<http::RequestHead>> asked;
  for (size_t i = 0; i < kAsked; ++i) {
    asked.push_back(headOf(pathOf(i * count / kAsked) + "/item"));
    asked.back()->headers.add("x-tenant", std::to_string(i % 2));
  }
  resolve(state, *compile({host}), asked);
}
BENCHMARK(conditionsOfManyPaths)->Arg(10)->Arg(1000)->Arg(10000);

// The same requests where no route has conditions.
void withoutConditions(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  VirtualHost host{"h", {"*"}, {}};
  for (size_t i = 0; i < count; ++i) {
    host.routes.push_back(route(PathMatch::Kind::kSegmentPrefix, pathOf(i)));
  }
  std::vector<std::unique_ptr<http::RequestHead>> asked;
  for (size_t i = 0; i < kAsked; ++i) asked.push_back(headOf(pathOf(i * count / kAsked) + "/item"));
  resolve(state, *compile({host}), asked);
}
BENCHMARK(withoutConditions)->Arg(10)->Arg(1000)->Arg(10000);

}  // namespace
}  // namespace weir::router

BENCHMARK_MAIN();
