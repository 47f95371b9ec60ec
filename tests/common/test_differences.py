from stages.common import differences


def test_each_parameter_that_differs_has_a_dotted_name():
    before = {"training": {"epochs": 5, "keep": "last"}, "optimizer": {"name": "adam"}, "network": ["a", "b"]}
    after = {"training": {"epochs": 9, "validation": 50}, "optimizer": {"name": "adam"}, "network": ["a"]}
    assert list(differences.find(before, after)) == [
        ("training.epochs", 5, 9),
        ("training.keep", "last", None),
        ("training.validation", None, 50),
        ("network", ["a", "b"], ["a"]),
    ]


def test_a_mapping_in_place_of_a_value_is_one_difference():
    assert list(differences.find({"a": 1}, {"a": {"b": 2}})) == [("a", 1, {"b": 2})]


def test_a_value_is_one_line_of_yaml():
    value = {"layer": "Dropout", "rate": 0.5, "noise_shape": None, "bias": False, "inputs": ["a", "b"]}
    shown = "{layer: Dropout, rate: 0.5, noise_shape: null, bias: false, inputs: [a, b]}"
    assert differences.flow_style(value) == shown
