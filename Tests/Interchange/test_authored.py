"""Tests/Fixtures/solutions holds what authored_solutions.py makes."""

import os
import tempfile
import unittest

import authored_solutions


class AuthoredSolutionTests(unittest.TestCase):
    def test_the_kept_documents_are_what_the_package_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            authored_solutions.write(folder)
            for name in sorted(os.listdir(folder)):
                with open(os.path.join(folder, name), "rb") as made:
                    with open(os.path.join(authored_solutions.FOLDER, name), "rb") as kept:
                        self.assertEqual(kept.read(), made.read(), name)


if __name__ == "__main__":
    unittest.main()
