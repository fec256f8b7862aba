// Routes that a provider finds for a connection manager.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "source/http/route.h"
#include "test/http/connection_manager_fixture.h"

namespace weir::http {
namespace {

// Says when it goes.
struct MadeRoute final : Route {
  MadeRoute(std::string name, int& alive) : own_name(std::move(name)), count(alive) { ++count; }
  ~MadeRoute() { --count; }
  std::string_view name() const override { return own_name; }
  std::string_view virtualHostName() const override { return {}; }
  std::string_view clusterName() const override { return {}; }

  const std::string own_name;
  int& count;
};

struct OneRoute final : RouteResolver {
  const Route* resolve(const RequestHead&, const StreamInfo&) const override { return &route; }
  int alive = 0;
  MadeRoute route{"of the table", alive};
};

// Makes a route for each path, but for those under /table.
class Provider final : public WorkerRouteProvider {
 public:
  explicit Provider(int& alive) : alive_(alive) {}
  ProvidedRoute resolve(RequestHead& head, StreamInfo& info, const RouteResolver& table) override {
    if (head.path.starts_with("/table")) return {.route = table.resolve(head, info)};
    if (head.path == "/none") return {};
    auto made = std::make_shared<MadeRoute>(std::string(head.path), alive_);
    const Route* route = made.get();
    return {.route = route, .owned = std::move(made)};
  }

 private:
  int& alive_;
};

struct ProviderFactory final : RouteProviderFactory {
  explicit ProviderFactory(int& count) : alive(count) {}
  std::unique_ptr<WorkerRouteProvider> bind(base::ServiceMap&) const override {
    return std::make_unique<Provider>(alive);
  }
  int& alive;
};

class RouteProviderTest : public ConnectionManagerTest {
 protected:
  RouteProviderTest() {
    config->routes = std::make_shared<OneRoute>();
    config->route_provider = std::make_shared<ProviderFactory>(alive);
    config->filters.push_back({"f", std::make_shared<FakeHttpFilterFactory>(filter)});
    answerAll();
  }
  std::string nameOf(const Route* route) { return std::string(route ? route->name() : "none"); }

  int alive = 0;
};

TEST_F(RouteProviderTest, DecidesAloneOrAsksTheTable) {
  std::vector<std::string> names;
  filter.request_head = [&](FilterHandle& handle, auto&&...) {
    names.push_back(nameOf(handle.route()));
    return Verdict::kContinue;
  };
  Client client = connect();
  for (const std::string path : {"/a", "/table/a", "/none"}) {
    send(client, "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  EXPECT_EQ(names, (std::vector<std::string>{"/a", "of the table", "none"}));
  EXPECT_EQ(alive, 0);
}

TEST_F(RouteProviderTest, RoutesLiveAsLongAsTheirRequest) {
  std::string names;
  filter.request_head = [&](FilterHandle& handle, RequestHead& head, bool) {
    const Route* const first = handle.route();
    names += nameOf(first);
    EXPECT_EQ(handle.route(), first);
    head.path = "/b";
    handle.clearRouteCache();
    names += nameOf(handle.route());
    EXPECT_EQ(nameOf(first), "/a");  // somebody may still use it
    EXPECT_EQ(alive, 2);
    return Verdict::kContinue;
  };
  Client client = connect();
  send(client, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(names, "/a/b");
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace weir::http
