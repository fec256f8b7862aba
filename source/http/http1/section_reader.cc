#include "source/http/http1/section_reader.h"

namespace weir::http::http1 {

void SectionReader::begin(const Limits& limits, ErrorOrigin origin) {
  scanner_.reset();
  limits_ = limits;
  origin_ = origin;
  dropPartial();
  text_ = {};
  error_ = {};
}

SectionReader::Result SectionReader::fail(ErrorReason reason, std::string_view detail) {
  error_ = {origin_, reason, false, detail};
  dropPartial();
  return Result::kFailed;
}

void SectionReader::dropPartial() {
  if (partial_.empty()) return;
  partial_.clear();
  if (partial_.capacity() > kKeptBytes) std::string().swap(partial_);
}

bool SectionReader::withinLimits(size_t bytes) {
  const size_t line = scanner_.firstLineBytes() != 0 ? scanner_.firstLineBytes() : bytes;
  if (line > size_t{limits_.first_line_bytes} + 2) {
    fail(ErrorReason::kTargetTooLong, "first line is too long");
    return false;
  }
  if (bytes > limits_.bytes) {
    fail(ErrorReason::kHeadTooLarge, "head is too large");
    return false;
  }
  return true;
}

SectionReader::Result SectionReader::read(buffer::Buffer& data, base::Arena& arena) {
  while (!data.empty()) {
    const std::string_view piece = data.front();
    const size_t before = partial_.size();
    if (before != 0) partial_.append(piece);
    const std::string_view text = before != 0 ? std::string_view(partial_) : piece;

    const HeadScanner::Result result = scanner_.scan(text);
    if (result == HeadScanner::Result::kRefused) {
      return fail(ErrorReason::kProtocol, scanner_.detail());
    }
    const bool complete = result == HeadScanner::Result::kComplete;
    if (!withinLimits(complete ? scanner_.end() : text.size())) return Result::kFailed;
    if (complete) {
      text_ = arena.copy({text.data(), scanner_.end()});
      data.drain(scanner_.end() - before);
      dropPartial();
      return Result::kComplete;
    }
    if (before == 0) partial_.assign(piece);
    data.drain(piece.size());
  }
  return Result::kIncomplete;
}

}  // namespace weir::http::http1
