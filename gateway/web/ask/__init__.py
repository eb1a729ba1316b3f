"""The pages where a person is asked and answers: the request screen in three kinds, its receipt, the one-time link."""
