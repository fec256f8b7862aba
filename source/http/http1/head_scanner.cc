#include "source/http/http1/head_scanner.h"

#include <bit>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace weir::http::http1 {
namespace {

bool isControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

#ifdef __SSE2__
constexpr size_t kBlock = 16;

// A bit for each control character among the sixteen bytes at `at`.
unsigned controlsIn(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, del)));
}
#endif

// Index of the first control character at or after `from`; text.size() when there is none.
size_t nextControl(std::string_view text, size_t from) {
  size_t i = from;
#ifdef __SSE2__
  for (; i + kBlock <= text.size(); i += kBlock) {
    const unsigned found = controlsIn(text.data() + i);
    if (found != 0) return i + static_cast<size_t>(std::countr_zero(found));
  }
  if (text.size() >= kBlock) {  // the rest, with bytes before it that are shifted out
    const unsigned found =
        controlsIn(text.data() + text.size() - kBlock) >> (i + kBlock - text.size());
    return found != 0 ? i + static_cast<size_t>(std::countr_zero(found)) : text.size();
  }
#endif
  while (i < text.size() && !isControl(text[i])) ++i;
  return i;
}

bool isSpace(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace

HeadScanner::Result HeadScanner::refuse(std::string_view detail) {
  detail_ = detail;
  return Result::kRefused;
}

HeadScanner::Result HeadScanner::scan(std::string_view text) {
  if (!text.empty() && isSpace(text.front())) return refuse("space before the first line");
  size_t i = position_;
  while ((i = nextControl(text, i)) < text.size()) {
    if (text[i] == '\t') {
      ++i;
      continue;
    }
    if (text[i] == '\n') return refuse("bare LF");
    if (text[i] != '\r') return refuse("control character");
    if (i + 1 == text.size()) break;
    if (text[i + 1] != '\n') return refuse("bare CR");
    if (i == line_start_) {
      end_ = i + 2;
      return Result::kComplete;
    }
    if (first_line_ == 0) first_line_ = i + 2;
    if (i + 2 == text.size()) break;
    if (isSpace(text[i + 2])) return refuse("line folding");
    i += 2;
    line_start_ = i;
  }
  position_ = i;
  return Result::kIncomplete;
}

}  // namespace weir::http::http1
