#include "test/support/random_exchanges.h"

#include <array>
#include <random>
#include <string>
#include <string_view>

namespace weir::test {
namespace {

using Length = ScriptedBody::Length;

constexpr std::string_view kNameChars = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
constexpr std::string_view kValueChars = "abc XYZ\t019,;=\"\\()/\x80\xff";
constexpr std::string_view kPathChars = "abcXYZ019-_~/=&?|";

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  Exchange exchange(size_t number) {
    Exchange exchange;
    exchange.name = "random_" + std::to_string(number);
    exchange.request = request();
    exchange.response = response(exchange.toHead());
    exchange.response.early = exchange.request.body.length == Length::kKnown &&
                              !exchange.request.awaits_continue && oneIn(15);
    return exchange;
  }

 private:
  size_t below(size_t bound) { return random_() % bound; }
  bool oneIn(size_t n) { return below(n) == 0; }
  template <class T, size_t N>
  const T& oneOf(const std::array<T, N>& choices) {
    return choices[below(N)];
  }
  std::string text(std::string_view chars, size_t least, size_t most) {
    std::string text;
    for (size_t left = least + below(most - least + 1); left > 0; --left) {
      text += chars[below(chars.size())];
    }
    return text;
  }
  std::string value() {
    return oneIn(8) ? "" : "v" + text(kValueChars, 0, oneIn(10) ? 2000 : 40) + "v";
  }
  HeaderList fields(std::string_view prefix, size_t most) {
    HeaderList list;
    for (size_t left = below(most + 1); left > 0; --left) {
      list.emplace_back(std::string(prefix) + text(kNameChars, 1, 20), value());
    }
    return list;
  }
  ScriptedBody body() {
    constexpr std::array<size_t, 12> kSizes = {0,      1,      100,    8'191,  16'383,  16'384,
                                               16'385, 65'535, 65'536, 70'000, 150'000, 300'000};
    ScriptedBody body;
    if (oneIn(3)) return body;
    body.length = oneIn(2) ? Length::kKnown : Length::kUnknown;
    body.bytes = std::string(oneOf(kSizes), 'a');
    for (size_t i = 0; i < body.bytes.size(); i += 97) {
      body.bytes[i] = static_cast<char>('a' + below(26));
    }
    if (body.length == Length::kUnknown && oneIn(2)) body.trailers = fields("x-trailer-", 4);
    return body;
  }
  ScriptedRequest request() {
    constexpr std::array<std::string_view, 8> kMethods = {"GET",   "POST", "PUT",     "DELETE",
                                                          "PATCH", "HEAD", "OPTIONS", "X-RANDOM"};
    ScriptedRequest request;
    request.method = oneOf(kMethods);
    request.path = "/" + text(kPathChars, 0, oneIn(10) ? 3000 : 40);
    if (oneIn(4)) request.authority = "Host-" + std::to_string(below(100)) + ".test:8080";
    request.headers = fields("x-up-", oneIn(5) ? 60 : 8);
    for (size_t left = below(4); left > 0; --left) {
      request.cookies.push_back(text("abc=019", 1, 30));
    }
    request.host_only = oneIn(10);
    request.body = body();
    request.awaits_continue = request.body.length != Length::kNone && oneIn(10);
    return request;
  }
  ScriptedResponse response(bool to_head) {
    constexpr std::array<int, 12> kStatuses = {200, 200, 200, 200, 201, 204,
                                               206, 301, 304, 404, 500, 503};
    ScriptedResponse response;
    for (size_t left = oneIn(5) ? below(4) : 0; left > 0; --left) {
      response.interim.emplace_back(103, fields("x-hint-", 3));
    }
    response.status = oneOf(kStatuses);
    response.headers = fields("x-down-", oneIn(5) ? 60 : 8);
    if (to_head || response.status == 304) {
      if (response.status != 204 && oneIn(2))
        response.announced_length = std::to_string(1 + below(100'000));
    } else if (response.status != 204) {
      response.body = body();
    }
    return response;
  }

  std::mt19937 random_;
};

}  // namespace

std::vector<Exchange> randomExchanges(uint32_t seed, size_t count) {
  Generator generate(seed);
  std::vector<Exchange> list;
  for (size_t i = 0; i < count; ++i) list.push_back(generate.exchange(i));
  return list;
}

}  // namespace weir::test
