#include <gtest/gtest.h>

#include <atomic>
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
std::atomic<int> open_now{0};

// One connection. The first line of the client says what becomes of it.
struct State {
  weir_connection* connection;
  uint64_t seen;
};

const weir_network_api& api() {
  return *host->network;
}

// What a plugin's thread does: waits for nothing, and posts.
void resumeFromThread(weir_connection* connection) {
  weir_ticket* const ticket = host->ticket_create(api().scope(connection));
  std::thread([ticket] {
    host->ticket_post(
        ticket,
        [](void*, void* owner) {
          if (owner != nullptr) api().resume(static_cast<State*>(owner)->connection);
        },
        nullptr);
    host->ticket_release(ticket);
  }).detach();
}

int32_t create(void*, weir_connection* connection, void* state) {
  auto* const own = static_cast<State*>(state);
  if (own->connection != nullptr || own->seen != 0) return 0;  // it must be zeroed
  own->connection = connection;
  ++open_now;
  return 1;
}

int32_t onData(void* state, weir_connection* connection, weir_buffer* data, int32_t) {
  auto* const own = static_cast<State*>(state);
  const std::string text(view(host->buffer_view(data, host->buffer_size(data))));
  if (own->seen++ > 0) return WEIR_CONTINUE;
  if (text.starts_with("pause")) {
    resumeFromThread(connection);
    return WEIR_PAUSE;
  }
  if (text.starts_with("now")) {
    api().resume(connection);
    return WEIR_PAUSE;
  }
  if (text.starts_with("write")) {
    weir_buffer* const answer = host->buffer_create(api().loop(connection));
    host->buffer_append(answer, str("from the plugin\n"));
    api().write(connection, answer, 0);
    host->buffer_destroy(answer);
    host->buffer_replace(data, str("changed\n"));
    return WEIR_CONTINUE;
  }
  if (text.starts_with("close")) {
    api().close(connection, WEIR_CLOSE_FLUSH);
    api().close(connection, 99);
    api().resume(connection);
    api().write(connection, nullptr, 1);
  }
  if (text.starts_with("fail")) return WEIR_FAIL;
  if (text.starts_with("mad")) return -12345;
  return WEIR_CONTINUE;
}

int32_t onWrite(void*, weir_connection*, weir_buffer* data, int32_t) {
  host->buffer_prepend(data, str("> "));
  return WEIR_CONTINUE;
}

void onClose(void*, weir_connection* connection) {
  int64_t received = 0;
  if (host->info_number(api().info(connection), WEIR_NUMBER_REQUEST_BYTES, &received) == 1) {
    --open_now;
  }
}

weir_network_filter makeKind() {
  weir_network_filter kind{};
  kind.kind = kindHead<weir_network_filter>(WEIR_NETWORK_FILTER, "told");
  kind.state_size = sizeof(State);
  kind.create = create;
  kind.on_data = onData;
  kind.on_write = onWrite;
  kind.on_close = onClose;
  return kind;
}

const weir_network_filter kKind = makeKind();

// Takes the bytes itself and pauses at first, so that it has none before it knows the client.
weir_network_filter makeTerminal() {
  weir_network_filter kind{};
  kind.kind = kindHead<weir_network_filter>(WEIR_NETWORK_FILTER, "greeting");
  kind.terminal = 1;
  kind.state_size = sizeof(State);
  kind.create = [](void*, weir_connection* connection, void* state) -> int32_t {
    static_cast<State*>(state)->connection = connection;
    return 1;
  };
  kind.on_connected = [](void*, weir_connection* connection) -> int32_t {
    weir_buffer* const hello = host->buffer_create(api().loop(connection));
    host->buffer_append(hello, str("hello\n"));
    api().write(connection, hello, 0);
    host->buffer_destroy(hello);
    resumeFromThread(connection);
    return WEIR_PAUSE;
  };
  kind.on_data = [](void*, weir_connection* connection, weir_buffer* data,
                    int32_t end_stream) -> int32_t {
    api().write(connection, data, end_stream);
    return WEIR_CONTINUE;
  };
  return kind;
}

const weir_network_filter kTerminal = makeTerminal();

std::string listenerWith(std::string_view filters) {
  return "listeners { name: \"tcp\" address: \"127.0.0.1:0\" filter_chains { " +
         std::string(filters) + " } }\n" + test::runtime(1);
}

class PluginNetworkFilterTest : public testing::Test {
 protected:
  PluginNetworkFilterTest() { host = plugin_.host(); }
  std::string proxying() const {
    return listenerWith(
               "filters { config { [network_filters/told] {} } } "
               "filters { config { [network_filters/tcp_proxy] { cluster: \"origin\" } } }") +
           test::cluster("origin", {origin_.address()});
  }
  int64_t errors(const test::InProcessProxy& proxy) const {
    return proxy.stat("plugins_errors_total", {{"plugin", "tested"}});
  }

  Plugin& plugin_ = testPlugin();
  // Sends back what it gets.
  ScriptedOrigin origin_{[](RawConnection& connection, int) {
    for (std::string text = connection.readSome(); !text.empty(); text = connection.readSome()) {
      connection.send(text);
    }
  }};
};

TEST_F(PluginNetworkFilterTest, SeesAndChangesBytesOfBothDirections) {
  test::InProcessProxy proxy(proxying(), offering(plugin_, {&kKind.kind}));
  {
    RawConnection client = RawConnection::connectTo(proxy.port("tcp"));
    client.send("plain\n");
    EXPECT_EQ(client.readExactly(8), "> plain\n");
    client.send("write\n");
    EXPECT_EQ(client.readExactly(8), "> write\n");  // only the first bytes are looked at
  }
  RawConnection client = RawConnection::connectTo(proxy.port("tcp"));
  client.send("write\n");
  EXPECT_EQ(client.readExactly(16), "from the plugin\n");
  EXPECT_EQ(client.readExactly(10), "> changed\n");
  client.close();
  EXPECT_TRUE(test::eventually([] { return open_now == 0; }));
  EXPECT_EQ(errors(proxy), 0);
}

TEST_F(PluginNetworkFilterTest, PausesAndGoesOnFromAnotherThread) {
  test::InProcessProxy proxy(proxying(), offering(plugin_, {&kKind.kind}));
  for (const std::string_view word : {"pause\n", "now\n"}) {
    RawConnection client = RawConnection::connectTo(proxy.port("tcp"));
    client.send(word);
    EXPECT_EQ(client.readExactly(word.size() + 2), "> " + std::string(word));
  }
  // The client is gone before the post comes: it leads nowhere.
  for (int i = 0; i < 20; ++i) {
    RawConnection client = RawConnection::connectTo(proxy.port("tcp"));
    client.send("pause\n");
    client.abort();
  }
  EXPECT_TRUE(test::eventually([] { return open_now == 0; }));
}

TEST_F(PluginNetworkFilterTest, ClosesAndFails) {
  test::InProcessProxy proxy(proxying(), offering(plugin_, {&kKind.kind}));
  for (const std::string_view word : {"close\n", "fail\n", "mad\n"}) {
    RawConnection client = RawConnection::connectTo(proxy.port("tcp"));
    client.send(word);
    EXPECT_TRUE(client.closedByPeer()) << word;
  }
  EXPECT_EQ(errors(proxy), 2);
  EXPECT_TRUE(test::eventually([] { return open_now == 0; }));
}

TEST_F(PluginNetworkFilterTest, TakesTheBytesAsTheLastOfItsChain) {
  test::InProcessProxy proxy(listenerWith("filters { config { [network_filters/greeting] {} } }"),
                             offering(plugin_, {&kTerminal.kind}));
  RawConnection client = RawConnection::connectTo(proxy.port("tcp"));
  EXPECT_EQ(client.readExactly(6), "hello\n");
  client.send("ping\n");
  EXPECT_EQ(client.readExactly(5), "ping\n");
  client.shutdownWrite();
  EXPECT_TRUE(client.closedByPeer());
}

TEST_F(PluginNetworkFilterTest, OneThatRefusesOrHasNoWorkerClosesTheConnection) {
  static const weir_network_filter kRefusing = [] {
    weir_network_filter kind = makeKind();
    kind.create = [](void*, weir_connection*, void*) -> int32_t { return 0; };
    return kind;
  }();
  static const weir_network_filter kFailing = [] {
    weir_network_filter kind = makeKind();
    kind.kind.worker_create = [](void*, weir_loop*) -> void* { return nullptr; };
    return kind;
  }();
  for (const weir_network_filter* kind : {&kRefusing, &kFailing}) {
    test::InProcessProxy proxy(proxying(), offering(testPlugin(), {&kind->kind}));
    RawConnection client = RawConnection::connectTo(proxy.port("tcp"));
    EXPECT_TRUE(client.closedByPeer());
  }
}

TEST_F(PluginNetworkFilterTest, AStateThatIsTooLargeIsNoKind) {
  const KindType& type = *findKindType(WEIR_NETWORK_FILTER);
  weir_network_filter kind = makeKind();
  kind.state_size = 70'000;
  EXPECT_EQ(type.check(&kind), "state_size is 70000; it must be at most 65536");
  kind.state_size = 8;
  kind.state_align = 3;
  EXPECT_EQ(type.check(&kind), "state_align is 3; it must be a power of two up to 16, or 0");
  kind.state_align = 8;
  EXPECT_EQ(type.check(&kind), "");
  kind.terminal = 1;
  kind.on_data = nullptr;
  EXPECT_EQ(type.check(&kind), "it is terminal, and on_data is missing");
}

}  // namespace
}  // namespace weir::plugin
