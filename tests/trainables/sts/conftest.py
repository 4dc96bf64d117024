import pytest
import torch

from trainables.sts import data as sts_data


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The toy corpus, in a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEARCH_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield sts_data.load(sts_data.prepare("toy", None).folder)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
