#include "source/network/client_hello.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/network/client_hello_builder.h"

namespace weir::network::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Progress = ClientHelloInspector::Progress;
using Error = ClientHelloError;

struct Answer {
  Progress progress = Progress::kNeedMore;
  Error error = Error::kNone;
  std::string name;
  std::vector<std::string> protocols;
  friend bool operator==(const Answer&, const Answer&) = default;
};

Answer answerOf(const ClientHelloInspector& inspector, Progress progress) {
  return {progress, inspector.error(), inspector.hello().server_name,
          inspector.hello().application_protocols};
}

// All at once. The copy on the heap shows reads behind the end.
Answer inspect(std::string_view bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  ClientHelloInspector inspector;
  const Progress progress = inspector.inspect({copy.data(), copy.size()});
  return answerOf(inspector, progress);
}

// In steps of `step` bytes, each time in other memory.
Answer inspectInSteps(std::string_view bytes, size_t step) {
  ClientHelloInspector inspector;
  Progress progress = Progress::kNeedMore;
  for (size_t end = step; progress == Progress::kNeedMore; end += step) {
    const std::string_view so_far = bytes.substr(0, end);
    const std::vector<char> copy(so_far.begin(), so_far.end());
    progress = inspector.inspect({copy.data(), copy.size()});
    if (end >= bytes.size()) break;
  }
  return answerOf(inspector, progress);
}

void expectFound(std::string_view bytes, const std::string& name,
                 const std::vector<std::string>& protocols = {}) {
  const Answer expected{Progress::kFound, Error::kNone, name, protocols};
  EXPECT_EQ(inspect(bytes), expected) << name;
}

void expectMalformed(std::string_view bytes, Error error) {
  const Answer answer = inspect(bytes);
  EXPECT_EQ(answer.progress, Progress::kMalformed);
  EXPECT_EQ(clientHelloErrorName(answer.error), clientHelloErrorName(error));
  EXPECT_THAT(answer.name, IsEmpty());
}

void expectMalformedExtensions(std::string_view extensions, Error error) {
  expectMalformed(inRecords(helloMessage(extensions)), error);
}

TEST(ClientHello, FindsNameAndProtocols) {
  expectFound(clientHelloFor("shop.example", {"h2", "http/1.1"}), "shop.example",
              {"h2", "http/1.1"});
  expectFound(clientHelloFor("shop.example"), "shop.example");
  expectFound(clientHelloFor("", {"h2"}), "", {"h2"});
  expectFound(clientHelloFor(""), "");
}

TEST(ClientHello, ReadsWhatBrowsersSend) {
  const std::string message = helloMessage(browserExtensions("Shop.Example", {"h2", "http/1.1"}));
  expectFound(inRecords(message), "shop.example", {"h2", "http/1.1"});
}

TEST(ClientHello, NeedsNoExtensions) {
  std::string body = big16(0x0301) + std::string(32, 'r') + vector8("") + vector16(big16(0x0035)) +
                     vector8(std::string(1, '\0'));
  const std::string message = std::string("\x01\x00", 2) + big16(body.size()) + body;
  expectFound(inRecords(message), "");
}

TEST(ClientHello, NamesAreNormalised) {
  expectFound(clientHelloFor("WWW.Example.COM."), "www.example.com");
  expectFound(clientHelloFor("a_b.example"), "a_b.example");
  expectFound(clientHelloFor("localhost"), "localhost");
  expectFound(clientHelloFor("1.2.3.example4"), "1.2.3.example4");
}

TEST(ClientHello, WhatIsNoHostNameIsNoName) {
  for (const char* name :
       {"10.0.0.1", "::1", "[::1]", "a..b", ".a", "a b", "a/b", "*.example", "a:443", "\xc3\xa4.de",
        "12345", ".", "..", "a%00b", "a\nb", "\"", "a..", "example.123"}) {
    expectFound(clientHelloFor(name), "");
  }
  expectFound(clientHelloFor(std::string(64, 'a') + ".example"), "");
  std::string long_name;
  while (long_name.size() < 250) long_name += "abcdefghi.";
  expectFound(clientHelloFor(long_name + "abc"), long_name + "abc");
  expectFound(clientHelloFor(long_name + "abcd"), "");
}

TEST(ClientHello, RefusesBadServerNames) {
  expectMalformedExtensions(serverName(""), Error::kBadServerName);
  expectMalformedExtensions(serverName(std::string(256, 'a')), Error::kBadServerName);
  expectMalformedExtensions(serverName(std::string_view("good.example\0evil", 17)),
                            Error::kBadServerName);
  expectMalformedExtensions(extension(0, ""), Error::kBadServerName);
  expectMalformedExtensions(extension(0, vector16("")), Error::kBadServerName);
  const std::string entry = std::string(1, '\0') + vector16("a.example");
  expectMalformedExtensions(extension(0, vector16(entry + entry)), Error::kBadServerName);
  expectMalformedExtensions(extension(0, vector16(entry) + "x"), Error::kBadServerName);
  expectMalformedExtensions(extension(0, vector16("\x01" + vector16("a.example"))),
                            Error::kBadServerName);
  expectMalformedExtensions(extension(0, big16(500) + entry), Error::kBadServerName);
}

TEST(ClientHello, RefusesRepeatedExtensions) {
  expectMalformedExtensions(serverName("a.example") + serverName("b.example"), Error::kRepeated);
  expectMalformedExtensions(serverName("a.example") + alpn({"h2"}) + alpn({"h2"}),
                            Error::kRepeated);
}

TEST(ClientHello, RefusesBadProtocols) {
  expectMalformedExtensions(alpn({}), Error::kBadProtocols);
  expectMalformedExtensions(alpn({"h2", ""}), Error::kBadProtocols);
  expectMalformedExtensions(extension(16, ""), Error::kBadProtocols);
  expectMalformedExtensions(extension(16, vector16("\x05h2")), Error::kBadProtocols);
  expectMalformedExtensions(alpn(std::vector<std::string>(65, "p")), Error::kBadProtocols);
  expectFound(clientHelloFor("", std::vector<std::string>(64, "p")), "",
              std::vector<std::string>(64, "p"));
}

TEST(ClientHello, GreaseIsNoProtocol) {
  expectFound(clientHelloFor("", {"\x0a\x0a", "h2", "\xfa\xfa"}), "", {"h2"});
}

TEST(ClientHello, WhatIsNotTlsIsToldAtTheFirstByteThatDiffers) {
  EXPECT_EQ(inspect("G").progress, Progress::kNotTls);
  EXPECT_EQ(inspect("\x80").progress, Progress::kNotTls);  // SSL 2.0
  EXPECT_EQ(inspect("\x16").progress, Progress::kNeedMore);
  EXPECT_EQ(inspect("\x16\x02").progress, Progress::kNotTls);
  EXPECT_EQ(inspect("\x16\x03").progress, Progress::kNeedMore);
  EXPECT_EQ(inspect("\x16\x03\x05").progress, Progress::kNotTls);
  EXPECT_EQ(inspect("").progress, Progress::kNeedMore);
}

TEST(ClientHello, RefusesBadRecords) {
  expectMalformed(std::string("\x16\x03\x01\x00\x00", 5), Error::kBadRecord);
  expectMalformed(std::string("\x16\x03\x01\x40\x01", 5), Error::kBadRecord);
  expectMalformed(std::string("\x16\x03\x01\x00\x05\x02", 6), Error::kNotClientHello);
  const std::string message = helloMessage(serverName("a.example"));
  const std::string first = inRecords(message.substr(0, 20));
  expectMalformed(first + "\x15", Error::kBadRecord);  // an alert in between
  expectMalformed(first + "\x16\x02", Error::kBadRecord);
  expectMalformed(first + std::string("\x16\x03\x03\x00\x00", 5), Error::kBadRecord);
}

TEST(ClientHello, RefusesLengthsThatDoNotFit) {
  const std::string message = helloMessage(serverName("a.example"));
  const std::string_view body = std::string_view(message).substr(4);
  // Cut anywhere, with the length of the message as it is then.
  for (size_t size = 0; size < body.size(); ++size) {
    const std::string cut = std::string("\x01\x00", 2) + big16(size);
    const Answer answer = inspect(inRecords(cut + std::string(body.substr(0, size))));
    const bool before_extensions = size == 2 + 32 + 33 + 8 + 2;
    EXPECT_EQ(answer.progress, before_extensions ? Progress::kFound : Progress::kMalformed) << size;
  }
  const std::string longer = std::string("\x01\x00", 2) + big16(body.size() + 1);
  expectMalformed(inRecords(longer + std::string(body) + "x"), Error::kBadHello);
  expectMalformedExtensions(std::string("\x00\x17\x00\x05xx", 6), Error::kBadHello);
}

TEST(ClientHello, BoundsWhatIsLookedAt) {
  const auto helloOf = [](size_t bytes) {
    const size_t empty = helloMessage(serverName("a.example") + extension(21, "")).size();
    return helloMessage(serverName("a.example") + extension(21, std::string(bytes - empty, '\0')));
  };
  constexpr size_t kMax = ClientHelloInspector::kMaxHelloBytes;
  expectFound(inRecords(helloOf(kMax)), "a.example");
  expectFound(inRecords(helloOf(kMax), 1000), "a.example");
  expectMalformed(inRecords(helloOf(kMax + 1)).substr(0, 9), Error::kTooLong);
  // Records of one byte: five bytes of head for each.
  const std::string tiny = inRecords(helloOf(kMax), 1);
  const Answer answer = inspect(tiny);
  EXPECT_EQ(answer.error, Error::kTooLong);
  EXPECT_EQ(inspect(std::string_view(tiny).substr(0, ClientHelloInspector::kMaxBytes)), answer);
}

// Every way to cut the bytes gives one answer, and so does every way to cut the records.
TEST(ClientHello, TheSplitDoesNotMatter) {
  const std::string small = helloMessage(serverName("Shop.example") + alpn({"h2"}));
  const std::string large = helloMessage(browserExtensions("shop.example", {"h2"}));
  for (const std::string& message : {small, large}) {
    const Answer whole = inspect(inRecords(message));
    EXPECT_EQ(whole.name, "shop.example");
    EXPECT_THAT(whole.protocols, ElementsAre("h2"));
    for (const size_t record : {1ul, 2ul, 3ul, 5ul, 100ul, 16384ul}) {
      const std::string bytes = inRecords(message, record);
      for (const size_t step : {1ul, 2ul, 7ul, 64ul, 1500ul}) {
        EXPECT_EQ(inspectInSteps(bytes, step), whole) << record << " " << step;
      }
    }
  }
  const std::string bytes = inRecords(small, 50);
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    ClientHelloInspector inspector;
    EXPECT_EQ(inspector.inspect(bytes.substr(0, cut)), Progress::kNeedMore) << cut;
    EXPECT_EQ(inspector.inspect(bytes), Progress::kFound) << cut;
  }
}

TEST(ClientHello, AnswersStayAndBytesBehindDoNotMatter) {
  ClientHelloInspector inspector;
  EXPECT_EQ(inspector.inspect(clientHelloFor("a.example") + "more"), Progress::kFound);
  EXPECT_EQ(inspector.inspect("anything"), Progress::kFound);
  EXPECT_EQ(inspector.hello().server_name, "a.example");
}

TEST(ClientHello, MutationsAreSafeAndSplitAlike) {
  std::mt19937 random(5);
  const std::string seeds[] = {
      clientHelloFor("shop.example", {"h2", "http/1.1"}),
      inRecords(helloMessage(browserExtensions("shop.example", {"h2"})), 300),
      inRecords(helloMessage(serverName("a") + serverName("b")), 9)};
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = seeds[i % 3];
    for (size_t edits = 1 + random() % 3; edits > 0; --edits) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    ASSERT_EQ(inspect(bytes), inspectInSteps(bytes, 1 + random() % 200)) << i;
  }
}

// However slowly a large hello comes, each byte is handled once: a whole one in single bytes is
// quick.
TEST(ClientHello, WorkIsLinear) {
  const std::string message =
      helloMessage(serverName("a.example") + extension(21, std::string(16'000, '\0')));
  const std::string bytes = inRecords(message, 100);
  for (int i = 0; i < 20; ++i) {
    ClientHelloInspector inspector;
    for (size_t end = 1; end < bytes.size(); ++end) {
      ASSERT_EQ(inspector.inspect(std::string_view(bytes).substr(0, end)), Progress::kNeedMore);
    }
    EXPECT_EQ(inspector.inspect(bytes), Progress::kFound);
  }
}

}  // namespace
}  // namespace weir::network::test
