"""What the tests of chapters ask of the prose and of a cell's output."""


def says(chapter, *texts):
    """Both pages contain each of `texts`, line breaks aside."""
    for language in ("zh", "en"):
        prose = " ".join(chapter.prose(language).split())
        for text in texts:
            assert text in prose, (language, text)


def says_in(chapter, language, *texts):
    """The page in one language contains each of `texts`, line breaks aside."""
    prose = " ".join(chapter.prose(language).split())
    for text in texts:
        assert text in prose, (language, text)


def lines(chapter, cell):
    """The lines that a cell prints."""
    return chapter[cell].stdout.strip().splitlines()
