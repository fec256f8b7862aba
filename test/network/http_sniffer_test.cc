#include "source/network/http_sniffer.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace weir::network {
namespace {

using Answer = HttpSniffer::Answer;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

Answer sniff(std::string_view bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  return HttpSniffer().sniff({copy.data(), copy.size()});
}

Answer sniffInSteps(std::string_view bytes, size_t step) {
  HttpSniffer sniffer;
  Answer answer = Answer::kNeedMore;
  for (size_t end = step; answer == Answer::kNeedMore; end += step) {
    answer = sniffer.sniff(bytes.substr(0, end));
    if (end >= bytes.size()) break;
  }
  return answer;
}

TEST(HttpSniffer, KnowsRequests) {
  for (const char* request :
       {"GET / HTTP/1.1\r\n", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "get / HTTP/1.1\n",
        "POST /a?b=c HTTP/1.1\r", "OPTIONS * HTTP/1.1\r\n", "CONNECT a.example:443 HTTP/1.1\r\n",
        "GET http://a.example/ HTTP/1.1\r\n", "M-SEARCH * HTTP/1.1\r\n", "\r\nGET / HTTP/1.1\r\n",
        "GET /\xc3\xa4 HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "PRIVATE /x HTTP/1.1\r\n",
        "X / HTTP/1.1\r\n"}) {
    EXPECT_EQ(sniff(request), Answer::kHttp1) << request;
  }
}

TEST(HttpSniffer, KnowsTheHttp2Preface) {
  EXPECT_EQ(sniff(kPreface), Answer::kHttp2);
  EXPECT_EQ(sniff(std::string(kPreface) + "frames"), Answer::kHttp2);
  for (size_t size = 0; size < kPreface.size(); ++size) {
    EXPECT_EQ(sniff(kPreface.substr(0, size)), Answer::kNeedMore) << size;
    std::string broken(kPreface.substr(0, size));
    broken += '\x01';
    EXPECT_EQ(sniff(broken), Answer::kNotHttp) << size;
  }
}

TEST(HttpSniffer, KnowsWhatIsNotHttp) {
  for (const char* bytes : {"\x16\x03\x01",
                            "SSH-2.0-OpenSSH_9.2\r\n",
                            "EHLO mail.example\r\n",
                            "*1\r\n$4\r\nPING\r\n",
                            "PING\r\n",
                            "USER anonymous\r\n",
                            "GET /\r\n",
                            "GET  / HTTP/1.1\r\n",
                            "GET / HTTP/1.2\r\n",
                            "GET / HTTP/2.0\r\n",
                            "GET / http/1.1\r\n",
                            "GET / HTTP/1.1 \r\n",
                            "GET / HTTP/1.10\r\n",
                            "OPTIONS rtsp://a RTSP/1.0\r\n",
                            "INVITE sip:a@b SIP/2.0\r\n",
                            " GET / HTTP/1.1\r\n",
                            "\nGET / HTTP/1.1\r\n",
                            "\r\n\r\nGET",
                            "\rGET",
                            "GET\t/ HTTP/1.1\r\n",
                            "GE(T",
                            "GET /\x01",
                            "\x80\x2e\x01",
                            "{\"id\":1}",
                            "PRI * HTTP/2.1",
                            "PRI * HTTP/2.0\r\n\r\nSN"}) {
    EXPECT_EQ(sniff(bytes), Answer::kNotHttp) << bytes;
  }
  EXPECT_EQ(sniff(std::string_view("\0", 1)), Answer::kNotHttp);
}

TEST(HttpSniffer, WaitsOnlyWhileItCanStillBe) {
  const std::string request = "\r\nDELETE /a HTTP/1.1\r\n";
  for (size_t size = 0; size + 1 < request.size(); ++size) {
    EXPECT_EQ(sniff(request.substr(0, size)), Answer::kNeedMore) << size;
  }
  EXPECT_EQ(sniff(request.substr(0, request.size() - 1)), Answer::kHttp1);
}

TEST(HttpSniffer, IsBounded) {
  const std::string longest_method(HttpSniffer::kMaxMethodBytes, 'M');
  EXPECT_EQ(sniff(longest_method + " / HTTP/1.1\r\n"), Answer::kHttp1);
  EXPECT_EQ(sniff(longest_method + "M"), Answer::kNotHttp);
  const std::string rest = " HTTP/1.1\r";
  const std::string fits =
      "GET /" + std::string(HttpSniffer::kMaxBytes - rest.size() - 5, 'a') + rest;
  EXPECT_EQ(sniff(fits), Answer::kHttp1);
  EXPECT_EQ(sniff(std::string_view(fits).substr(0, fits.size() - 1)), Answer::kNeedMore);
  EXPECT_EQ(sniff("GET /" + std::string(HttpSniffer::kMaxBytes - 5, 'a')), Answer::kNotHttp);
}

TEST(HttpSniffer, TheSplitDoesNotMatter) {
  std::mt19937 random(3);
  const std::string seeds[] = {"GET /a/b?c HTTP/1.1\r\nHost: a\r\n\r\n", std::string(kPreface),
                               "\r\nPOST / HTTP/1.0\r\n"};
  for (int i = 0; i < 30'000; ++i) {
    std::string bytes = seeds[i % 3];
    for (size_t edits = random() % 3; edits > 0; --edits) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const Answer whole = sniff(bytes);
    ASSERT_EQ(whole, sniffInSteps(bytes, 1)) << bytes;
    ASSERT_EQ(whole, sniffInSteps(bytes, 1 + random() % 10)) << bytes;
  }
}

}  // namespace
}  // namespace weir::network
