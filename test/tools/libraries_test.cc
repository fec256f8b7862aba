// A canary for the build: every library we take from Debian links into one process and runs.
#include <ares.h>
#include <brotli/encode.h>
#include <hiredis/hiredis.h>
#include <llhttp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <sqlite3.h>
#include <uv.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/any_invocable.h"
#include "absl/hash/hash.h"
#include "absl/random/random.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "re2/re2.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include <lua.hpp>

#include "test/tools/canary.pb.h"

namespace weir::tools {
namespace {

TEST(Libraries, LibuvRunsALoop) {
  uv_loop_t loop;
  ASSERT_EQ(uv_loop_init(&loop), 0);
  bool fired = false;
  uv_timer_t timer;
  uv_timer_init(&loop, &timer);
  timer.data = &fired;
  uv_timer_start(
      &timer, [](uv_timer_t* t) { *static_cast<bool*>(t->data) = true; }, 0, 0);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  EXPECT_EQ(uv_loop_close(&loop), 0);
  EXPECT_TRUE(fired);
}

TEST(Libraries, LlhttpParsesARequest) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(llhttp_execute(&parser, request.data(), request.size()), HPE_OK);
  EXPECT_EQ(parser.method, HTTP_GET);
}

TEST(Libraries, BoringSslMakesAContext) {
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  ASSERT_NE(context, nullptr);
  EXPECT_EQ(SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION), 1);
  uint8_t bytes[16];
  EXPECT_EQ(RAND_bytes(bytes, sizeof(bytes)), 1);
}

TEST(Libraries, Re2Matches) {
  EXPECT_TRUE(RE2::FullMatch("/items/42", "/items/[0-9]+"));
}

TEST(Libraries, ProtobufReadsTextWithAny) {
  weir::test::tools::Canary canary;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(base { name: "x" } timeout { seconds: 3 }
         config { [type.googleapis.com/weir.test.tools.Base] { name: "y" } })",
      &canary));
  weir::test::tools::Base inner;
  ASSERT_TRUE(canary.config().UnpackTo(&inner));
  EXPECT_EQ(inner.name(), "y");
}

TEST(Libraries, LuaJitRunsAChunk) {
  std::unique_ptr<lua_State, void (*)(lua_State*)> state(luaL_newstate(), lua_close);
  ASSERT_EQ(luaL_dostring(state.get(), "return 6 * 7"), 0);
  EXPECT_EQ(lua_tointeger(state.get(), -1), 42);
}

TEST(Libraries, Nghttp2MakesASession) {
  nghttp2_session_callbacks* callbacks = nullptr;
  ASSERT_EQ(nghttp2_session_callbacks_new(&callbacks), 0);
  nghttp2_session* session = nullptr;
  EXPECT_EQ(nghttp2_session_server_new(&session, callbacks, nullptr), 0);
  nghttp2_session_del(session);
  nghttp2_session_callbacks_del(callbacks);
}

TEST(Libraries, CaresMakesAChannel) {
  ASSERT_EQ(ares_library_init(ARES_LIB_INIT_ALL), ARES_SUCCESS);
  ares_channel channel;
  ASSERT_EQ(ares_init(&channel), ARES_SUCCESS);
  ares_destroy(channel);
  ares_library_cleanup();
}

TEST(Libraries, AbseilContainersAndStatus) {
  absl::flat_hash_map<std::string, int> map = {{"a", 1}};
  absl::InlinedVector<int, 4> values = {1, 2, 3};
  absl::AnyInvocable<int()> call = [&] { return map["a"]; };
  bool cleaned = false;
  {
    auto cleanup = absl::MakeCleanup([&] { cleaned = true; });
  }
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(call(), 1);
  EXPECT_EQ(absl::MakeSpan(values).size(), 3u);
  absl::StatusOr<int> bad = absl::NotFoundError(absl::StrFormat("no %s", "such"));
  EXPECT_EQ(bad.status().message(), "no such");
  EXPECT_EQ(absl::FormatDuration(absl::Seconds(90)), "1m30s");
  EXPECT_NE(absl::Hash<std::string>()("a"), absl::Hash<std::string>()("b"));
  absl::BitGen random;
  EXPECT_LT(absl::Uniform<uint32_t>(random, 0, 10), 10u);
}

TEST(Libraries, SpdlogWritesALine) {
  std::ostringstream out;
  spdlog::logger logger("canary", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger.info("hello {}", 1);
  EXPECT_THAT(out.str(), testing::HasSubstr("hello 1"));
}

TEST(Libraries, HiredisFormatsACommand) {
  char* command = nullptr;
  const int length = redisFormatCommand(&command, "GET %s", "key");
  EXPECT_EQ(std::string(command, length), "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
  redisFreeCommand(command);
}

TEST(Libraries, SqliteAnswers) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(":memory:", &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, "CREATE TABLE t (x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
}

TEST(Libraries, Compressors) {
  EXPECT_EQ(crc32(0, reinterpret_cast<const Bytef*>("a"), 1), 0xe8b7be43u);
  EXPECT_GT(ZSTD_compressBound(100), 100u);
  EXPECT_GT(BrotliEncoderMaxCompressedSize(100), 100u);
}

TEST(Libraries, JsonRoundTrips) {
  const auto json = nlohmann::json::parse(R"({"a":[1,2]})", nullptr, false);
  EXPECT_EQ(json["a"][1], 2);
}

}  // namespace
}  // namespace weir::tools
