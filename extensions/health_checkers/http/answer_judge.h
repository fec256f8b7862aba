#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/health_checkers/common/byte_pattern.h"
#include "source/base/regex.h"
#include "source/buffer/buffer.h"
#include "source/http/message.h"
#include "source/upstream/health_checker.h"

namespace weir::extensions::health_checkers::http {

// Both included. Value.
struct StatusRange {
  uint16_t first = 200;
  uint16_t last = 299;
  bool has(uint16_t status) const { return status >= first && status <= last; }
};

// What answers are held against. Value.
struct Expectation {
  std::vector<StatusRange> statuses = {StatusRange{}};
  std::vector<StatusRange> degraded_statuses = {};
  std::string degraded_header = "x-weir-degraded";
  // At most one of the two.
  std::optional<BytePattern> body_text = {};
  std::optional<base::Regex> body_regex = {};
  size_t max_body_bytes = 64 * 1024;

  bool looksAtBody() const { return body_text.has_value() || body_regex.has_value(); }
};

// Makes of one answer what it says of the endpoint. Main-thread only.
class AnswerJudge {
 public:
  // `expected` outlives it.
  explicit AnswerJudge(const Expectation& expected) : expected_(expected) {}

  void begin();
  void onHead(const weir::http::ResponseHead& head);
  // Takes all of `data`. False: no more of the body is wanted.
  bool onBody(buffer::Buffer& data);

  // There is a head; it will not become healthy any more.
  bool condemned() const { return head_ && !accepted_; }
  uint16_t status() const { return status_; }
  // When the answer has ended, no more of it is wanted, or condemned().
  upstream::ProbeResult result() const;

 private:
  bool degradedBy(const weir::http::ResponseHead& head);
  bool bodyFits() const;

  const Expectation& expected_;
  uint16_t status_ = 0;
  bool head_ = false;
  bool accepted_ = false;  // by its head
  bool too_long_ = false;  // the body
  bool found_ = false;     // body_text
  BytePattern::State search_ = 0;
  size_t body_bytes_ = 0;
  std::string degraded_;  // why; empty: not
  std::string body_;      // for body_regex
};

}  // namespace weir::extensions::health_checkers::http
