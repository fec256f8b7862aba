#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "test/plugin/kinds/test_plugin.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::plugin {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;

const weir_host* host = nullptr;
std::mutex mutex;
std::map<std::string, uint64_t> bound;  // of all workers
std::atomic<int> cancelled{0};
std::atomic<bool> ids_right{false};

struct Binding {
  weir_sticky_cluster* cluster;
  weir_loop* loop;
};

std::string clientOf(const weir_pick* pick) {
  const weir_headers* const headers = host->balancer->headers(pick);
  weir_str value{};
  if (headers != nullptr) host->headers_get(headers, str("x-client"), &value);
  return std::string(view(value));
}

uint64_t lookUp(const std::string& client) {
  const std::lock_guard lock(mutex);
  const auto found = bound.find(client);
  return found == bound.end() ? 0 : found->second;
}

struct Question {
  weir_sticky* sticky;
  std::string client;
};

// The worker is the loop. A client whose name begins with "slow" is looked up by a thread.
uint32_t find(void* binding, const weir_pick* pick, weir_sticky* sticky, uint64_t* uid) {
  const std::string client = clientOf(pick);
  if (client.empty()) return WEIR_STICKY_UNBOUND;
  if (client == "mad") return 4711;
  if (client == "liar") return WEIR_STICKY_BOUND;
  if (client == "never") return WEIR_STICKY_WAIT;
  *host->sticky->note(sticky) = 42;
  if (client.starts_with("slow") && host->sticky->may_wait(sticky) != 0) {
    weir_loop* const loop = static_cast<Binding*>(binding)->loop;
    weir_ticket* const ticket = host->ticket_create(host->loop_scope(loop));
    auto* const question = new Question{sticky, client};
    std::thread([ticket, question] {
      host->ticket_post(
          ticket,
          [](void* arg, void* owner) {
            auto* const asked = static_cast<Question*>(arg);
            if (owner != nullptr) host->sticky->found(asked->sticky, lookUp(asked->client));
            delete asked;
          },
          question);
      host->ticket_release(ticket);
    }).detach();
    return WEIR_STICKY_WAIT;
  }
  if (client.starts_with("early") && host->sticky->may_wait(sticky) != 0) {
    host->sticky->found(sticky, lookUp(client));
    return WEIR_STICKY_WAIT;
  }
  if (client.starts_with("slow")) return WEIR_STICKY_UNBOUND;  // found() has said it
  *uid = lookUp(client);
  return *uid != 0 ? WEIR_STICKY_BOUND : WEIR_STICKY_UNBOUND;
}

uint64_t onChosen(void* binding, const weir_pick* pick, weir_sticky*, uint64_t uid) {
  weir_sticky_cluster* const cluster = static_cast<Binding*>(binding)->cluster;
  const weir_str id = host->sticky->id_of(cluster, uid);
  ids_right = id.size > 0 && host->sticky->uid_of(cluster, id) == uid &&
              host->sticky->uid_of(cluster, str("nobody")) == 0 &&
              host->sticky->id_of(cluster, 1).size == 0 &&
              view(host->sticky->cluster_name(cluster)) == "origin";
  const std::string client = clientOf(pick);
  if (client.empty() || client == "learner") return 0;
  const std::lock_guard lock(mutex);
  return bound[client] = uid;
}

// An application's session is bound to who gave it.
void onAnswer(void*, const weir_pick*, weir_sticky* sticky, uint64_t uid, weir_headers* response) {
  weir_str session{};
  if (host->headers_get(response, str("x-session"), &session) == 1) {
    const std::lock_guard lock(mutex);
    bound[std::string(view(session))] = uid;
  }
  host->headers_set(response, str("x-note"),
                    str(*host->sticky->note(sticky) == 42 ? "kept" : "lost"));
}

weir_stickiness makeKind() {
  weir_stickiness kind{};
  kind.kind = kindHead<weir_stickiness>(WEIR_STICKINESS, "remembering");
  kind.kind.worker_create = [](void*, weir_loop* loop) -> void* { return loop; };
  kind.kind.worker_destroy = [](void*) {};
  kind.wait_ms = 10'000;
  kind.binding_create = [](void* worker, weir_sticky_cluster* cluster) -> void* {
    return new Binding{cluster, static_cast<weir_loop*>(worker)};
  };
  kind.binding_destroy = [](void* binding) { delete static_cast<Binding*>(binding); };
  kind.find = find;
  kind.cancel = [](void*, weir_sticky*) { ++cancelled; };
  kind.on_chosen = onChosen;
  kind.on_send = [](void*, weir_sticky*, weir_headers* request) {
    host->headers_set(request, str("x-sent"), str("yes"));
  };
  kind.on_answer = onAnswer;
  return kind;
}

const weir_stickiness kKind = makeKind();

ScriptedOrigin::Script answering(std::string name) {
  return [name](RawConnection& connection, int) {
    while (true) {
      const test::RawMessage request = connection.readMessage();
      if (!request.complete) return;
      std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n";
      if (request.target() == "/login") head += "X-Session: " + name + "-session\r\n";
      head += "X-Seen: " + request.header("x-sent") + "\r\n\r\n";
      if (!connection.send(head + name)) return;
    }
  };
}

class PluginStickinessTest : public testing::Test {
 protected:
  PluginStickinessTest() {
    host = plugin_.host();
    bound.clear();
    cancelled = 0;
  }
  std::string config() const {
    return test::edgeListener() +
           test::cluster("origin", {a_.address(), b_.address(), c_.address()},
                         "stickiness { config { [stickiness/remembering] {} } }") +
           test::runtime(2);
  }
  static test::RawMessage ask(const test::InProcessProxy& proxy, std::string_view client,
                              std::string_view path = "/") {
    RawConnection connection = RawConnection::connectTo(proxy.port("edge"));
    connection.send("GET " + std::string(path) +
                    " HTTP/1.1\r\nHost: a\r\nX-Client: " + std::string(client) + "\r\n\r\n");
    return connection.readMessage();
  }

  Plugin& plugin_ = testPlugin();
  ScriptedOrigin a_{answering("a")};
  ScriptedOrigin b_{answering("b")};
  ScriptedOrigin c_{answering("c")};
};

TEST_F(PluginStickinessTest, ClientsStayWhereTheyAreBound) {
  test::InProcessProxy proxy(config(), offering(plugin_, {&kKind.kind}));
  for (const std::string_view client : {"ann", "bob", "early-eve", "slow-sue"}) {
    const std::string first = ask(proxy, client).body;
    for (int i = 0; i < 6; ++i) {
      const test::RawMessage answer = ask(proxy, client);
      EXPECT_EQ(answer.body, first) << client;
      EXPECT_EQ(answer.header("x-note"), "kept");
      EXPECT_EQ(answer.header("x-seen"), "yes");
    }
  }
  EXPECT_TRUE(ids_right);
  EXPECT_EQ(cancelled, 0);
  EXPECT_EQ(proxy.stat("cluster_sticky_new_total", {{"cluster", "origin"}}), 4);
  EXPECT_EQ(proxy.stat("cluster_sticky_followed_total", {{"cluster", "origin"}}), 24);
}

TEST_F(PluginStickinessTest, LearnsFromAnswers) {
  test::InProcessProxy proxy(config(), offering(plugin_, {&kKind.kind}));
  const test::RawMessage login = ask(proxy, "learner", "/login");
  for (int i = 0; i < 6; ++i) EXPECT_EQ(ask(proxy, login.header("x-session")).body, login.body);
  // Through another configuration, too, as the plugin keeps it.
  EXPECT_EQ(proxy.reload(config()), "");
  EXPECT_EQ(ask(proxy, login.header("x-session")).body, login.body);
}

TEST_F(PluginStickinessTest, WhoIsNeverFoundGoesOnAfterItsTime) {
  static const weir_stickiness kBrief = [] {
    weir_stickiness kind = makeKind();
    kind.wait_ms = 50;
    return kind;
  }();
  test::InProcessProxy proxy(config(), offering(plugin_, {&kBrief.kind}));
  EXPECT_EQ(ask(proxy, "never").status(), 200);
  EXPECT_EQ(cancelled, 1);
  // The client goes while it waits, and the proxy as well.
  for (int i = 0; i < 5; ++i) {
    RawConnection connection = RawConnection::connectTo(proxy.port("edge"));
    connection.send("GET / HTTP/1.1\r\nHost: a\r\nX-Client: never\r\n\r\n");
    connection.abort();
  }
  EXPECT_EQ(ask(proxy, "ann").status(), 200);
}

TEST_F(PluginStickinessTest, WhatItMustNotSayIsCountedAndTheRequestServed) {
  test::InProcessProxy proxy(config(), offering(plugin_, {&kKind.kind}));
  EXPECT_EQ(ask(proxy, "mad").status(), 200);
  EXPECT_EQ(ask(proxy, "liar").status(), 200);
  EXPECT_EQ(proxy.stat("plugins_errors_total", {{"plugin", "tested"}}), 2);
}

TEST_F(PluginStickinessTest, ToWaitItHasToBeCancellable) {
  static const weir_stickiness kStubborn = [] {
    weir_stickiness kind = makeKind();
    kind.cancel = nullptr;
    return kind;
  }();
  test::InProcessProxy proxy(config(), offering(plugin_, {&kStubborn.kind}));
  EXPECT_EQ(ask(proxy, "never").status(), 200);
  EXPECT_EQ(proxy.stat("plugins_errors_total", {{"plugin", "tested"}}), 1);
}

TEST_F(PluginStickinessTest, WithoutFindItIsNoKind) {
  weir_stickiness kind = makeKind();
  kind.find = nullptr;
  EXPECT_EQ(findKindType(WEIR_STICKINESS)->check(&kind), "find is missing");
}

}  // namespace
}  // namespace weir::plugin
