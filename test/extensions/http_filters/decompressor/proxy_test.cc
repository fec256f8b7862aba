// The filter in a whole proxy, with a compressor in front of it: what comes from the server is
// another coding than what goes to the client.

#include <string>

#include "gtest/gtest.h"

#include "extensions/http_filters/common/codecs/codec.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::decompressor {
namespace {

using common::codecs::Coding;
using common::codecs::Decoder;
using common::codecs::Encoder;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

std::string gzipped(std::string_view text) {
  const auto encoder = common::codecs::makeEncoder({Coding::kGzip, 5, 15, 8});
  buffer::BlockPool blocks;
  buffer::Buffer in(blocks);
  buffer::Buffer out(blocks);
  in.append(text);
  EXPECT_TRUE(encoder->begin() && encoder->encode(in, Encoder::Until::kEnd, out));
  return out.toString();
}

std::string unzstd(std::string_view bytes) {
  const auto decoder = common::codecs::makeDecoder(Coding::kZstd);
  buffer::BlockPool blocks;
  buffer::Buffer in(blocks);
  buffer::Buffer out(blocks);
  in.append(bytes);
  EXPECT_TRUE(decoder->begin());
  EXPECT_EQ(decoder->decode(in, 1 << 30, out), Decoder::Result::kGood);
  return out.toString();
}

TEST(DecompressorProxy, FromGzipToZstdAndBack) {
  const std::string page(300'000, 'p');
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    for (RawMessage request = connection.readMessage(); request.complete;
         request = connection.readMessage()) {
      const std::string bytes = gzipped(page + request.body);
      connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Asked: " +
                      request.header("accept-encoding") + "\r\nContent-Encoding: gzip\r\n" +
                      "Content-Length: " + std::to_string(bytes.size()) + "\r\n\r\n" + bytes);
    }
  });
  test::InProcessProxy proxy(test::runtime(1) + test::edgeListener(R"(
          http_filters { config { [http_filters/compressor] {} } }
          http_filters { config { [http_filters/decompressor] {
            requests: true responses: true advertise: true } } })") +
                             test::cluster("origin", {origin.address()}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 3; ++i) {
    const std::string body = gzipped("asked");
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\nContent-Encoding: gzip\r\n" +
        ("Content-Length: " + std::to_string(body.size())) + "\r\n\r\n" + body);
    const RawMessage answer = client.readMessage();
    ASSERT_TRUE(answer.complete);
    EXPECT_EQ(answer.header("x-asked"), "zstd, br, gzip");
    EXPECT_EQ(answer.header("content-encoding"), "zstd");
    EXPECT_TRUE(unzstd(answer.body) == page + "asked");
  }
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope");
  EXPECT_EQ(client.readMessage().status(), 400);
}

}  // namespace
}  // namespace weir::extensions::http_filters::decompressor
